#!/usr/bin/env bash
# Sets up what the end-to-end tests need beside the binary: the Python OpenTelemetry SDK with both OTLP exporters, of pinned
# versions, in a virtual environment below target/. Does nothing when that stands already.
set -euo pipefail
cd "$(dirname "$0")/.."

requirements=tests/data/python/requirements.txt
venv=target/python
stamp=$venv/requirements.txt

python=$(command -v python3 || true)
if [ -z "$python" ] || ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
  if ! command -v apt-get >/dev/null || [ "$(id -u)" -ne 0 ]; then
    echo "tests/setup.sh: needs python3 with venv and pip (Debian: apt-get install python3-venv)" >&2
    exit 1
  fi
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3 python3-venv
  python=$(command -v python3)
fi

if ! cmp -s "$requirements" "$stamp"; then
  rm -rf "$venv"
  mkdir -p target
  "$python" -m venv "$venv"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$requirements"
  cp "$requirements" "$stamp"
fi
