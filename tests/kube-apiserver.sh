#!/usr/bin/env bash
# Builds a real Kubernetes API server from its published Go modules: tests/kube-apiserver.sh DIR gives DIR/kube-apiserver.
# About 4 minutes on 2 cores and 150 MB, once; does nothing where it is there. `tests/src/kubernetes.rs` runs it.
set -euo pipefail
version=v1.35.0
staging=v0${version#v1}
mkdir -p "${1:?a directory}"
cd "$1"
[ -x kube-apiserver ] && exit 0

# The module's source lies in a read-only cache and names its siblings by relative paths: a copy names them by their releases.
# This go.mod also keeps the folder apart from any module around it.
printf 'module x\n' > go.mod
source=$(go mod download -json "k8s.io/kubernetes@$version" | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')
rm -rf src
cp -r "$source" src
chmod -R u+w src
cd src
rm -rf vendor go.work go.work.sum
modules=$(sed -n 's/^[[:space:]]*\(k8s\.io\/[^ ]*\) => .*/\1/p' go.mod)
sed -i '/^replace (/,$d' go.mod
for module in $modules; do
  sed -i "s#\([[:space:]]\)$module v0\.0\.0\$#\1$module $staging#" go.mod
done
GOFLAGS=-mod=mod go build -o ../kube-apiserver.new ./cmd/kube-apiserver
cd ..
rm -rf src
mv kube-apiserver.new kube-apiserver
