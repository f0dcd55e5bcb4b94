#!/bin/sh
# Restarts the service after an upgrade, if it runs and the new version takes its configuration. A first installation
# starts nothing: the collector would take records from the Redis on this host at once.
set -e

case "$1" in
abort-upgrade | abort-remove | abort-deconfigure) exit 0 ;;
esac

[ -d /run/systemd/system ] || exit 0
systemctl daemon-reload

if ! systemctl --quiet is-active otelcol-tyk; then
	if ! systemctl --quiet is-enabled otelcol-tyk 2>/dev/null; then
		echo "otelcol-tyk: set /etc/otelcol-tyk/environment, then: systemctl enable --now otelcol-tyk"
	fi
	exit 0
fi

# With what the service has: its user, its environment.
if systemd-run --quiet --wait --pipe --collect --property=User=otelcol-tyk \
	--property=Environment=OTELCOL_TYK_CONFIG=/etc/otelcol-tyk/config.yaml \
	--property=EnvironmentFile=-/etc/otelcol-tyk/environment \
	/bin/sh -c 'exec /usr/bin/otelcol-tyk validate --config "$OTELCOL_TYK_CONFIG"' </dev/null; then
	systemctl restart otelcol-tyk
else
	echo "otelcol-tyk: this version refuses the configuration, for the reason above. The version before keeps running" >&2
	echo "until it is restarted. Correct the configuration, then: systemctl restart otelcol-tyk" >&2
fi
