#!/usr/bin/env bash
# Installs what the tests need beside Go, where it is missing: a C compiler for the race detector,
# redis-server, PostgreSQL, PgBouncer, MariaDB, Prometheus, InfluxDB 1, Chromium, npm, rsyslog and syslog-ng. The tests start them themselves, on free ports of the loopback interface;
# of MariaDB only the programs are installed, without the service that would run them.
# syslog-ng is unpacked beside, not installed: Debian lets it replace rsyslog only.
# The servers of MongoDB's protocol, of Tyk's RPC and of SQS are none of Debian's: the Makefile builds them, bin/ferretdb,
# bin/mdcb and bin/goaws.
set -euo pipefail

has_postgres() {
  command -v postgres >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null
}

has_mariadb() {
  command -v mariadb-install-db >/dev/null && command -v my_print_defaults >/dev/null &&
    { command -v mariadbd >/dev/null || [[ -x /usr/sbin/mariadbd ]]; }
}

readonly syslog_ng=/opt/syslog-ng

has_syslog_ng() {
  command -v syslog-ng >/dev/null || [[ -x $syslog_ng/usr/sbin/syslog-ng ]]
}

# Prints the Debian packages that syslog-ng-core needs, but for those that run at boot.
syslog_ng_libraries() {
  apt-cache depends syslog-ng-core | awk '$1 == "Depends:" && $2 ~ /^lib/ {print $2}'
}

# Prints the Debian packages of what is missing.
missing() {
  command -v "${CC:-gcc}" >/dev/null || command -v cc >/dev/null || echo gcc libc6-dev
  command -v redis-server >/dev/null || echo redis-server
  has_postgres || echo postgresql
  command -v pgbouncer >/dev/null || [[ -x /usr/sbin/pgbouncer ]] || echo pgbouncer
  command -v prometheus >/dev/null && command -v promtool >/dev/null || echo prometheus
  command -v influxd >/dev/null || echo influxdb
  command -v chromium >/dev/null || echo chromium
  command -v npm >/dev/null || echo npm
  command -v rsyslogd >/dev/null || [[ -x /usr/sbin/rsyslogd ]] || echo rsyslog
  has_mariadb || echo mariadb-server-core mariadb-client-core
}

read -ra packages <<<"$(missing | tr '\n' ' ')"
if ((${#packages[@]} == 0)) && has_syslog_ng; then
  exit 0
fi

if ! command -v apt-get >/dev/null || ((EUID != 0)); then
  has_syslog_ng || packages+=(syslog-ng-core)
  echo "The tests need programs that are missing here. Debian's packages of them: ${packages[*]}" >&2
  echo "On Debian or Ubuntu: sudo $0. Elsewhere install them yourself." >&2
  exit 1
fi

export DEBIAN_FRONTEND=noninteractive
apt-get update -q
if ! has_syslog_ng; then
  mapfile -t -O "${#packages[@]}" packages < <(syslog_ng_libraries)
fi
echo "Installing ${packages[*]}"
apt-get install -q -y --no-install-recommends "${packages[@]}"
if ! has_syslog_ng; then
  echo "Unpacking syslog-ng into $syslog_ng"
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
  (cd "$folder" && apt-get download -q -o APT::Sandbox::User=root syslog-ng-core)
  dpkg-deb --extract "$folder"/syslog-ng-core_*.deb "$syslog_ng"
fi
