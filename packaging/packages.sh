#!/usr/bin/env bash
# Makes the packages of bin/ARCHITECTURE: packaging/packages.sh VERSION FOLDER ARCHITECTURE...
# Tests of upgrades set PACKAGE_CONFIG, the configuration to ship, and PACKAGE_FORMATS.
set -euo pipefail
cd "$(dirname "$0")/.."

export PACKAGE_VERSION=$1
folder=$2
shift 2

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
export PACKAGE_STAGE=$stage PACKAGE_CONFIG=${PACKAGE_CONFIG:-otelcol-config.yaml}
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}

# Compressed without names and times, so that two builds are the same bytes.
for page in packaging/man/*; do
  gzip -9n <"$page" >"$stage/${page##*/}.gz"
done
gzip -9n <CHANGELOG.md >"$stage/changelog.gz"
gzip -9n <bin/THIRD-PARTY.txt >"$stage/THIRD-PARTY.txt.gz"
gzip -9n >"$stage/changelog.Debian.gz" <<EOF
otelcol-tyk ($PACKAGE_VERSION-1) stable; urgency=medium

  * Release $PACKAGE_VERSION; /usr/share/doc/otelcol-tyk/changelog.gz says what changed.

 -- otelcol-tyk authors <otelcol-tyk@users.noreply.github.com>  $(date -u -R -d "@$SOURCE_DATE_EPOCH")
EOF

# An .apk has the times of the files that its scripts are from.
cp packaging/scripts/preinstall.sh bin/preinstall.sh
touch --date="@$SOURCE_DATE_EPOCH" bin/preinstall.sh

mkdir -p "$folder"
for PACKAGE_ARCH in "$@"; do
  export PACKAGE_ARCH PACKAGE_BINARIES=bin/$PACKAGE_ARCH
  for format in ${PACKAGE_FORMATS:-deb rpm apk}; do
    .tools/nfpm package --config packaging/nfpm.yaml --packager "$format" --target "$folder/" >/dev/null
  done
done
ls -l "$folder"
