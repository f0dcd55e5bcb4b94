#!/usr/bin/env bash
# Installs what the tests need beside Go, where it is missing: a C compiler for the race detector,
# redis-server, PostgreSQL, PgBouncer, MariaDB, Prometheus and InfluxDB 1. The tests start them themselves, on free ports of the loopback interface;
# of MariaDB only the programs are installed, without the service that would run them.
# The server of MongoDB's protocol is none of Debian's: the Makefile builds it, bin/ferretdb.
set -euo pipefail

has_postgres() {
  command -v postgres >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null
}

has_mariadb() {
  command -v mariadb-install-db >/dev/null && command -v my_print_defaults >/dev/null &&
    { command -v mariadbd >/dev/null || [[ -x /usr/sbin/mariadbd ]]; }
}

# Prints the Debian packages of what is missing.
missing() {
  command -v "${CC:-gcc}" >/dev/null || command -v cc >/dev/null || echo gcc libc6-dev
  command -v redis-server >/dev/null || echo redis-server
  has_postgres || echo postgresql
  command -v pgbouncer >/dev/null || [[ -x /usr/sbin/pgbouncer ]] || echo pgbouncer
  command -v prometheus >/dev/null && command -v promtool >/dev/null || echo prometheus
  command -v influxd >/dev/null || echo influxdb
  has_mariadb || echo mariadb-server-core mariadb-client-core
}

read -ra packages <<<"$(missing | tr '\n' ' ')"
if ((${#packages[@]} == 0)); then
  exit 0
fi

if ! command -v apt-get >/dev/null || ((EUID != 0)); then
  echo "The tests need what is missing here; install it, then run this again." >&2
  echo "On Debian or Ubuntu: sudo apt-get install ${packages[*]}" >&2
  exit 1
fi

echo "Installing ${packages[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -q -y --no-install-recommends "${packages[@]}"
