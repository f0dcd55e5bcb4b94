#!/usr/bin/env bash
# Prints the name, the version and the licence of each module that the given programs are linked from.
set -euo pipefail
shopt -s nullglob nocaseglob

cache=$(go env GOMODCACHE)

# Prints "module version" of each module; a replacement stands in the place of what it replaces.
modules() {
  go version -m "$@" | awk -F '\t' '
    $2 == "dep" || $2 == "=>" {
      if ($2 == "dep" && name != "") print name, version
      name = $3; version = $4
    }
    END { if (name != "") print name, version }' |
    awk '$2 ~ /^v/ && $1 !~ /^[.\/]/' | sort -u
}

# Folders of the module cache have "!x" for "X".
escaped() {
  sed 's/[A-Z]/!\l&/g' <<<"$1"
}

missing=()
while read -r name version; do
  folder=$cache/$(escaped "$name")@$(escaped "$version")
  # A module within a repository may have its licence above it, in the module around it.
  texts=()
  around=$name
  while ((${#texts[@]} == 0)); do
    texts=("$folder"/licen[sc]e* "$folder"/copying* "$folder"/notice* "$folder"/unlicense*)
    ((${#texts[@]} == 0)) || break
    around=${around%/*}
    [[ $around == */* ]] || break
    folders=("$cache/$(escaped "$around")"@*)
    ((${#folders[@]} == 0)) || folder=${folders[-1]}
  done
  if ((${#texts[@]} == 0)); then
    missing+=("$name $version")
    continue
  fi
  printf '%s\n%s %s\n\n' "$(printf '=%.0s' {1..80})" "$name" "$version"
  for text in "${texts[@]}"; do
    [[ ! -f $text ]] || { cat "$text"; echo; }
  done
done < <(modules "$@")

if ((${#missing[@]} > 0)); then
  echo 'no licence found of:' >&2
  printf '  %s\n' "${missing[@]}" >&2
  exit 1
fi
