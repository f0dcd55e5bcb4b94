#!/bin/sh
# Stops the service where the package goes for good; an upgrade lets it run until the new version is there.
set -e

case "$1" in
remove | deconfigure | 0) ;;
*) exit 0 ;;
esac

[ -d /run/systemd/system ] || exit 0
systemctl --quiet disable --now otelcol-tyk || true
