#!/usr/bin/env bash
# Makes what is generated in sampler/ and transforms/ again after a change of wit/plugin.wit; policy.c and transform.c are ours and stay.
# Needs wit-bindgen: cargo install wit-bindgen-cli --version 0.61.1
set -euo pipefail
cd "$(dirname "$0")"
for world in sampler transforms; do
  wit-bindgen c --world "$world" --out-dir "$world" ../../wit
done
