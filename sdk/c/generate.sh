#!/usr/bin/env bash
# Makes sampler.h, sampler.c and sampler_component_type.o again after a change of wit/plugin.wit.
# Needs wit-bindgen: cargo install wit-bindgen-cli --version 0.61.1
set -euo pipefail
cd "$(dirname "$0")"
wit-bindgen c --world sampler --out-dir . ../../wit
