#!/bin/sh
# A purge takes the configuration, which the package manager removes itself. Stored records are never deleted.
set -e

case "$1" in
remove | purge | 0) ;;
*) exit 0 ;;
esac

if [ -d /run/systemd/system ]; then
	systemctl daemon-reload || true
fi
if [ "$1" = purge ] && [ -d /var/lib/otelcol-tyk ]; then
	echo "otelcol-tyk: /var/lib/otelcol-tyk is left, since it may hold records; so is the user otelcol-tyk"
fi
