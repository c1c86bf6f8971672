#!/usr/bin/env bash
# Sets up what the end-to-end tests need beside the binary, of pinned versions, below target/: the Python OpenTelemetry SDK with both OTLP
# exporters, the compilers of plugins in C, Python and JavaScript, Debian's docker-registry, Prometheus and etcd, kustomize, openssl,
# systemd-analyze, and a Kubernetes API server (built from Go modules in about 4 minutes; in $TAILRACE_KUBE_DIR if that is set). Does
# nothing when that stands already. Go is the machine's.
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

if ! command -v openssl >/dev/null && command -v apt-get >/dev/null && [ "$(id -u)" -eq 0 ]; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends openssl
fi

missing() { # COMMAND HINT
  command -v "$1" >/dev/null || { echo "tests/setup.sh: needs $1 ($2)" >&2; exit 1; }
}
missing go "1.25 or newer, https://go.dev/dl"
missing openssl "Debian: apt-get install openssl"
missing npm "Node.js 20 or newer; Debian: apt-get install npm"

# The version that new projects get.
manifest=sdk/js/template/policy/package.json
node=target/node
if ! cmp -s "$manifest" "$node/package.json"; then
  rm -rf "$node"
  mkdir -p "$node"
  cp "$manifest" "$node/package.json"
  npm install --prefix "$node" --no-fund --no-audit --loglevel=error
fi

# Packages are unpacked and not installed: nothing starts by itself, and it takes no root.
debian() { # PACKAGE BINARY FOLDER
  local folder=target/tools/$3
  [ ! -x "$folder/$2" ] || return 0
  mkdir -p "$folder"
  (
    cd "$folder"
    apt-get download -qq "$1" 2>/dev/null || { apt-get update -qq && apt-get download -qq "$1"; }
    dpkg-deb --extract "$1"_*.deb .
    rm "$1"_*.deb
  )
}
debian docker-registry usr/bin/docker-registry registry
debian prometheus usr/bin/promtool prometheus
debian etcd-server usr/bin/etcd etcd

tests/kube-apiserver.sh "${TAILRACE_KUBE_DIR:-target/tools/kube}"

kustomize=v5.8.0
if ! target/tools/bin/kustomize version 2>/dev/null | grep -qx "$kustomize"; then
  GOBIN=$PWD/target/tools/bin go install "sigs.k8s.io/kustomize/kustomize/v5@$kustomize"
fi

# For systemd-analyze alone: nothing of it runs.
if ! command -v systemd-analyze >/dev/null; then
  if ! command -v apt-get >/dev/null || [ "$(id -u)" -ne 0 ]; then
    missing systemd-analyze "Debian: apt-get install systemd"
  fi
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends systemd
fi
