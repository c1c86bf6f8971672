# Everything a developer types. `make run` and `make test` work on a fresh clone of a machine with git, make, a C compiler,
# cmake and rustup; they install what else they need. `make test` builds plugins in all languages: it needs Go, Node.js and Python too.

TOOLCHAIN := $(shell sed -n 's/^channel = "\(.*\)"/\1/p' rust-toolchain.toml)
CARGO := cargo
BIN := target/release/tailrace

.PHONY: help setup build run two-tier test unit e2e lint fmt deny audit bench clean

help: ## What can be made
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 24

# The toolchain and the WASM target; rustup installs neither by itself everywhere.
setup: ## Install the pinned toolchain and the WASM target
	@rustup target list --toolchain $(TOOLCHAIN) --installed 2>/dev/null | grep -qx wasm32-wasip2 \
	  || rustup toolchain install $(TOOLCHAIN) --profile minimal --component clippy --component rustfmt --target wasm32-wasip2 \
	  || { echo "rustup could not install Rust $(TOOLCHAIN) with the target wasm32-wasip2."; \
	       echo "Check that this machine reaches rustup's server (RUSTUP_DIST_SERVER), then run:"; \
	       echo "  rustup toolchain install $(TOOLCHAIN) --target wasm32-wasip2"; exit 1; }

build: setup ## Build target/release/tailrace with the plugins embedded
	$(CARGO) build --release --locked --package tailrace

run: build ## Build and start the gateway with its embedded default configuration
	$(BIN)

two-tier: build ## Two agents, three gateways and load on loopback: examples/two-tier
	@examples/two-tier/run

test: build unit e2e ## Run every test, after setting up what they need

unit: setup ## Unit and property tests of the host, the SDK and the plugins
	$(CARGO) test --release --locked --workspace --lib --bins --test oracle
	cd plugins && CARGO_TARGET_DIR=../target $(CARGO) test --release --locked --workspace

# `--workspace` here and above, whichever packages are meant: with the same features, nothing is compiled twice.
e2e: build ## End-to-end tests: the real binary, real clients
	tests/setup.sh
	$(CARGO) test --release --locked --workspace --test it

lint: setup ## Formatting and clippy, warnings denied
	$(CARGO) fmt --all --check
	cd plugins && $(CARGO) fmt --all --check
	$(CARGO) clippy --release --locked --workspace --all-targets -- -D warnings
	cd plugins && CARGO_TARGET_DIR=../target $(CARGO) clippy --release --locked --workspace --all-targets -- -D warnings

fmt: ## Format all code
	$(CARGO) fmt --all
	cd plugins && $(CARGO) fmt --all

# cargo-deny is built once into target/tools and kept.
DENY := target/tools/bin/cargo-deny
$(DENY):
	$(CARGO) install --locked --quiet --root target/tools --target-dir target/tools/build cargo-deny --version 0.20.2

deny: $(DENY) ## Licences, duplicate and banned crates, sources
	$(DENY) --offline check bans licenses sources

audit: $(DENY) ## Security advisories (needs the advisory database's server)
	$(DENY) check advisories

bench: build ## CPU per span and memory of the real binary; table on stdout, JSON in target/bench.json
	$(CARGO) build --release --locked --workspace --bins
	target/release/bench $(ARGS)

clean: ## Remove what was built (wasmtime takes minutes to build again)
	$(CARGO) clean
