#!/usr/bin/env bash
# Runs each fuzz target of the module for the time, or the number of inputs, that is given:
# scripts/fuzz.sh 1m, scripts/fuzz.sh 1000x
set -euo pipefail
cd "$(dirname "$0")/.."

time=${1:-1m}
cache=$(go env GOCACHE)/fuzz
module=$(go list -m -f '{{if .Main}}{{.Path}}{{end}}')
binaries=$(mktemp -d)
trap 'rm -rf "$binaries"' EXIT

# fuzz runs the targets of one package, which is linked once for all of them.
fuzz() {
  local package=$1 binary
  binary=$binaries/${package//\//-}
  go test -c -ldflags=-w -fuzz . -o "$binary" "$package"
  cd "$package"
  "$binary" -test.list '^Fuzz' | while read -r target; do
    echo "$target"
    # Without a bound, making one input smaller may take longer than all the rest.
    "$binary" -test.run '^$' -test.fuzz "^$target\$" -test.fuzztime "$time" -test.fuzzminimizetime 10s \
      -test.fuzzcachedir "$cache/$module/${package#./}" </dev/null
  done
  rm "$binary"
}

export -f fuzz
export time cache module binaries
# Linking and short runs leave processors idle, so as many packages as there are processors go at once.
grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n 1 dirname | sort -u |
  xargs -P "$(nproc)" -I '{}' bash -euo pipefail -c 'fuzz {} 2>&1 | sed "s|^|{}: |"'
