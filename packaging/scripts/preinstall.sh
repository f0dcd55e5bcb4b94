#!/bin/sh
# Makes the user that the service runs as, before files are unpacked that belong to its group.
set -e

name=otelcol-tyk
home=/var/lib/otelcol-tyk

if id "$name" >/dev/null 2>&1; then
	exit 0
fi
if command -v useradd >/dev/null; then
	useradd --system --user-group --no-create-home --home-dir "$home" --shell /usr/sbin/nologin "$name"
else # busybox
	addgroup -S "$name"
	adduser -S -D -H -h "$home" -s /sbin/nologin -G "$name" "$name"
fi
