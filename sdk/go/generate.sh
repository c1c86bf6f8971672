#!/usr/bin/env bash
# Makes internal/ again after a change of wit/plugin.wit. Needs wit-bindgen: cargo install wit-bindgen-cli --version 0.61.1
# internal/wit is the part of https://github.com/bytecodealliance/go-pkg v0.2.1 that the bindings use, with its licence.
# internal/common, internal/sampling_export/evaluator.go and internal/transform_export/transformer.go are ours and stay.
set -euo pipefail
cd "$(dirname "$0")"
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
place() { # FROM TO: a package, with the names of packages that it has here
  mkdir -p "internal/$2"
  for file in "$made/$1"/*.go "$made/$1"/*.s; do
    [ -e "$file" ] || continue
    sed -e 's#"wit_component/export_tailrace_plugin_\([a-z]*\)"#export_tailrace_plugin_\1 "tailrace/internal/\1_export"#' \
        -e 's#"wit_component/tailrace_plugin_\([a-z]*\)"#tailrace_plugin_\1 "tailrace/internal/\1"#' \
        -e 's#"go.bytecodealliance.org/pkg/wit/\([a-z]*\)"#"tailrace/internal/wit/\1"#' \
        -e 's#^package main#package exports#' -e '/^\/\/ Unused, but present/d' -e '/^func main() {}/d' \
        "$file" > "internal/$2/$(basename "$file")"
  done
  gofmt -w "internal/$2"/*.go
}
generate() { # WORLD INTERFACE EXPORTS: the package of the exported functions is called EXPORTS here
  rm -rf "${made:?}"/*
  wit-bindgen go --world "$1" --out-dir "$made" ../../wit
  place "export_tailrace_plugin_$2" "$2_export"
  place "tailrace_plugin_$2" "$2"
  place tailrace_plugin_types types
  place tailrace_plugin_host host
  rm -rf "$made"/*/
  place . "$3"
}
generate sampler sampling exports
generate transforms transform transform_exports
