#!/usr/bin/env bash
# What the release workflow needs beside `make release`:
#
#   scripts/release.sh check TAG         fails unless the tag is the version of the distribution, which CHANGELOG.md describes
#   scripts/release.sh notes TAG         prints what CHANGELOG.md says of it
#   scripts/release.sh push TAG IMAGE    pushes the images of bin/image, whose names it prints
#   scripts/release.sh chart TAG IMAGE   pushes the chart of bin/packages, beside the image
#
# REGISTRY_USER and REGISTRY_TOKEN are who may push.
set -euo pipefail
cd "$(dirname "$0")/.."

version=$(awk '$1 == "version:" {print $2}' builder-config.yaml)

notes() {
  awk -v heading="## [$1]" '
    index($0, heading) == 1 {found = 1; next}
    /^## \[/ {found = 0}
    found' CHANGELOG.md
}

case "${1:-}" in
check)
  if [[ ${2:-} != "v$version" ]]; then
    echo "the tag is ${2:-missing}, and the version in builder-config.yaml $version: tag v$version, or change the version" >&2
    exit 1
  fi
  if [[ -z $(notes "$version") ]]; then
    echo "CHANGELOG.md has no section [$version]: move what is under [Unreleased] there" >&2
    exit 1
  fi
  ;;
notes)
  notes "${2#v}"
  ;;
push)
  version=${2#v} image=$3
  if [[ -n ${REGISTRY_TOKEN:-} ]]; then
    .tools/crane auth login "${image%%/*}" --username "$REGISTRY_USER" --password-stdin <<<"$REGISTRY_TOKEN" >&2
  fi
  # crane pushes an index as it is where a layout holds that alone.
  one=$(mktemp -d -p bin)
  trap 'rm -rf "$one"' EXIT
  cp -rl bin/image/. "$one"
  for tag in "$version" "$version-pump"; do
    digest=$(awk -F '"' -v tag="$tag" '$2 == "digest" {digest = $4} $2 == "org.opencontainers.image.ref.name" && $4 == tag {print digest}' bin/image/index.json)
    rm "$one/index.json"
    cp "bin/image/blobs/sha256/${digest#sha256:}" "$one/index.json"
    .tools/crane push --index "$one" "$image:$tag"
  done
  ;;
chart)
  version=${2#v} image=$3
  registry=${image%%/*} insecure=()
  [[ $registry != localhost:* ]] || insecure=(--plain-http)
  if [[ -n ${REGISTRY_TOKEN:-} ]]; then
    .tools/helm registry login "$registry" --username "$REGISTRY_USER" --password-stdin <<<"$REGISTRY_TOKEN" >&2
  fi
  .tools/helm push "${insecure[@]}" "bin/packages/otelcol-tyk-$version.tgz" "oci://${image%/*}/charts" >&2
  ;;
*)
  echo "usage: $0 check|notes TAG, push|chart TAG IMAGE" >&2
  exit 2
  ;;
esac
