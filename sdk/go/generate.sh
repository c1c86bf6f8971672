#!/usr/bin/env bash
# Makes internal/ again after a change of wit/plugin.wit. Needs wit-bindgen: cargo install wit-bindgen-cli --version 0.61.1
# internal/wit is the part of https://github.com/bytecodealliance/go-pkg v0.2.1 that the bindings use, with its licence.
# internal/sampling_export/evaluator.go is ours and stays.
set -euo pipefail
cd "$(dirname "$0")"
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
wit-bindgen go --world sampler --out-dir "$made" ../../wit
place() { # FROM TO: a package, with the names of packages that it has here
  mkdir -p "internal/$2"
  for file in "$made/$1"/*.go "$made/$1"/*.s; do
    [ -e "$file" ] || continue
    sed -e 's#"wit_component/export_tailrace_plugin_sampling"#export_tailrace_plugin_sampling "tailrace/internal/sampling_export"#' \
        -e 's#"wit_component/tailrace_plugin_\([a-z]*\)"#tailrace_plugin_\1 "tailrace/internal/\1"#' \
        -e 's#"go.bytecodealliance.org/pkg/wit/\([a-z]*\)"#"tailrace/internal/wit/\1"#' \
        -e 's#^package main#package exports#' -e '/^\/\/ Unused, but present/d' -e '/^func main() {}/d' \
        "$file" > "internal/$2/$(basename "$file")"
  done
  gofmt -w "internal/$2"/*.go
}
place export_tailrace_plugin_sampling sampling_export
place tailrace_plugin_sampling sampling
place tailrace_plugin_types types
place tailrace_plugin_host host
rm -rf "$made"/*/
place . exports
