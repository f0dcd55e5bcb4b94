#!/usr/bin/env bash
# Runs each fuzz target of the module for the time, or the number of inputs, that is given:
# scripts/fuzz.sh 1m, scripts/fuzz.sh 1000x
set -euo pipefail
cd "$(dirname "$0")/.."

# Without a bound, making one input smaller may take longer than all the rest.
minimize=10s

grep -rl --include='*_test.go' '^func Fuzz' . | sort | while read -r file; do
  sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$file" | while read -r target; do
    echo "$target of $(dirname "$file")"
    go test -run '^$' -fuzz "^$target\$" -fuzztime "${1:-1m}" -fuzzminimizetime "$minimize" "$(dirname "$file")" </dev/null
  done
done
