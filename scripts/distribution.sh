#!/usr/bin/env bash
# Writes the sources of the distribution into cmd/otelcol-tyk, from builder-config.yaml.
#
#   scripts/distribution.sh generate   the sources; fails if go.mod does not match builder-config.yaml
#   scripts/distribution.sh slim       the same for cmd/otelcol-tyk/slim and builder-config.slim.yaml, over the same go.mod
#   scripts/distribution.sh update     go.mod and go.sum, after a change of modules
#
# The builder replaces go.mod whenever it generates (--skip-get-modules only keeps it from resolving the new
# one). So it works in a scratch folder, and the committed go.mod and go.sum stay what the build goes by.
set -euo pipefail
cd "$(dirname "$0")/.."

target=cmd/otelcol-tyk
config=builder-config.yaml
[[ ${1:-} != slim ]] || config=builder-config.slim.yaml
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# The tool is for this machine, also when the distribution is built for another.
if ! env -u GOOS -u GOARCH "dist.output_path=$scratch" \
  go tool -modfile=tools.mod builder --skip-get-modules --skip-compilation --config "$config" \
  >"$scratch/log" 2>&1; then
  cat "$scratch/log" >&2
  exit 1
fi

# Prints "module version" of each direct requirement in a go.mod.
requirements() {
  awk '$1 ~ /\// && $2 ~ /^v/ && !/\/\/ indirect/ {print $1, $2}' "$1" | sort -u
}

case "${1:-}" in
generate | slim)
  missing=$(comm -23 <(requirements "$scratch/go.mod") <(requirements "$target/go.mod"))
  if [[ -n $missing ]]; then
    echo "$target/go.mod does not require what $config asks for:" >&2
    sed 's/^/  /' <<<"$missing" >&2
    echo "run scripts/distribution.sh update and commit $target/go.mod and go.sum" >&2
    exit 1
  fi
  [[ $1 != slim ]] || target=$target/slim
  mkdir -p "$target"
  # components.go last: make takes it for the sign that all of them are there.
  cp "$scratch"/main*.go "$target/"
  cp "$scratch/components.go" "$target/"
  ;;
update)
  # What changed is required anew; everything else keeps its version.
  go_version=$(awk '$1 == "go" {print $2}' go.mod)
  while read -r module version; do
    echo "-require=$module@$version"
  done < <(requirements "$scratch/go.mod") |
    (cd "$target" && xargs go mod edit -go="$go_version" -replace=github.com/otelcol-tyk/otelcol-tyk=../..)
  cp "$scratch"/main*.go "$scratch/components.go" "$target/"
  # -e: the tests of some collector modules need modules that are not published; the build does not.
  (cd "$target" && go mod tidy -e)
  ;;
*)
  echo "usage: $0 generate|slim|update" >&2
  exit 2
  ;;
esac
