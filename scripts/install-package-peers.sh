#!/usr/bin/env bash
# Installs what the tests of packages and images need beside what scripts/install-test-peers.sh does, where it is missing:
# podman with runc, a way to make and boot a Debian, rpm, and lintian. With the argument files, only the last two, and Prometheus.
set -euo pipefail

declare -A packages=([rpm]=rpm [lintian]=lintian [promtool]=prometheus)
if [[ ${1:-} != files ]]; then
  packages+=([podman]=podman [runc]=runc [debootstrap]=debootstrap [systemd-nspawn]=systemd-container [nsenter]=util-linux)
fi
missing=()
for program in "${!packages[@]}"; do
  command -v "$program" >/dev/null || [[ -x /usr/sbin/$program ]] || missing+=("${packages[$program]}")
done
if ((${#missing[@]} == 0)); then
  exit 0
fi
if ! command -v apt-get >/dev/null || ((EUID != 0)); then
  echo "The tests of packages need ${missing[*]}; on Debian or Ubuntu: sudo $0" >&2
  exit 1
fi
apt-get update -q
DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"
