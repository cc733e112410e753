# make demo    the whole product at work on this machine
# make test    everything CI runs; installs what it needs
# make help    all targets

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PARTS := .parts
CARGO_DENY_VERSION := 0.20.2
CARGO_DENY := $(PARTS)/cargo/bin/cargo-deny

.PHONY: help
help: ## Show the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-10s %s\n", $$1, $$2}'

.PHONY: build
build: ## Build the release binary (target/release/mcp-tap)
	cargo build --release --bin mcp-tap

# For example: make demo DEMO="--agents 12 --pace 0.5"
DEMO ?=

.PHONY: demo
demo: ## Start a server, mcp-tap before it and agents that use it; shows live what mcp-tap sees
	@echo "building mcp-backend, mcp-tap and mcp-loadtest (the first time this takes a few minutes)" >&2
	@cargo build --profile demo --bin mcp-backend --bin mcp-tap --bin mcp-loadtest
	@exec "$${CARGO_TARGET_DIR:-target}/demo/mcp-loadtest" demo $(DEMO)

.PHONY: test
test: lint parts counts ## Lint, then all tests: documentation, unit, property, real third-party parts
	cargo test --workspace --doc
	cargo test --workspace --no-fail-fast --lib --bins --tests

.PHONY: counts
counts: ## Report instructions per operation of the hot path, and how they changed since the baseline (needs valgrind)
	@command -v valgrind >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
		&& apt-get update -qq && apt-get install -y -qq --no-install-recommends valgrind >/dev/null; } \
		|| { echo "valgrind is missing: install it (Debian and Ubuntu: apt-get install valgrind as root)" >&2; exit 1; }
	cargo bench -p mcp-tap --bench instructions -- --against $(CURDIR)/proxy/benches/instructions/baseline.txt

.PHONY: lint
lint: $(CARGO_DENY) ## Formatting, clippy, licences and bans
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --quiet
	$(CARGO_DENY) check bans licenses sources

.PHONY: generate
generate: ## Renew the generated files in deploy/ (tests compare them with the generator)
	@cargo build --quiet --bin mcp-tap
	@tap="$${CARGO_TARGET_DIR:-target}/debug/mcp-tap"; out=deploy/prometheus; unset MCP_TAP_CONFIG; set -e; mkdir -p $$out; \
	"$$tap" rules --output $$out/mcp-tap.rules.yml; \
	"$$tap" rules --format tests --output $$out/mcp-tap.rules.test.yml; \
	"$$tap" rules --format prometheusrule --label release=kube-prometheus-stack --output $$out/prometheusrule.yaml; \
	"$$tap" rules --format openslo --output $$out/openslo.yaml; \
	"$$tap" rules --format sloth --output $$out/sloth.yaml; \
	"$$tap" dashboards --output-dir deploy/grafana/dashboards

.PHONY: parts
parts: ## Install the third-party servers, clients and tools that the tests use (into .parts/)
	proxy/tests/parts/install

.PHONY: pictures
pictures: parts ## Draw the pictures of deploy/docs/dashboards.md from real traffic (about ten minutes)
	@command -v chromium >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
		&& apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium >/dev/null; } \
		|| { echo "chromium is missing: install it (Debian and Ubuntu: apt-get install chromium as root)" >&2; exit 1; }
	cargo build --profile demo --bin mcp-backend --bin mcp-tap --bin mcp-loadtest
	$(PARTS)/bin/node proxy/tests/parts/pictures.mjs "$${CARGO_TARGET_DIR:-target}/demo" deploy/docs/pictures

.PHONY: bench
bench: ## Compare CPU and memory with a bare proxy only (release build, then about four minutes)
	cargo build --release
	target/release/mcp-loadtest compare --tap target/release/mcp-tap --tap-arg=--workers --tap-arg=1 \
		--trace-ratio 10% --rounds 5 --seconds 2 --scenario small,medium,text,objects,sse:20 --idle-streams 2000

# Rounds per scenario: more take longer and vary less.
ROUNDS ?= 5
EVERY_SCENARIO := small@1,small,medium,text,objects,text@1,objects@1,sse:1,sse:10,sse:20,sse:1000,sse:20:2,batch:10,stateless,churn

.PHONY: compare
compare: ## Compare with a bare proxy, nginx and HAProxy in every scenario (release build, then about 14 minutes)
	@export PATH="$$PATH:/usr/sbin"; { command -v nginx && command -v haproxy; } >/dev/null \
		|| { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
		&& apt-get update -qq && apt-get install -y -qq --no-install-recommends nginx-light haproxy >/dev/null; } \
		|| { echo "nginx or haproxy is missing: install both (Debian and Ubuntu: apt-get install nginx-light haproxy as root)" >&2; exit 1; }
	cargo build --release --bin mcp-tap --bin mcp-loadtest
	@export PATH="$$PATH:/usr/sbin"; target="$${CARGO_TARGET_DIR:-target}"; out="$$target/compare"; \
	tap=(--tap "$$target/release/mcp-tap" --tap-arg=--workers --tap-arg=1); \
	"$$target/release/mcp-loadtest" compare "$${tap[@]}" --trace-ratio 10% \
		--nginx "$$(command -v nginx)" --haproxy "$$(command -v haproxy)" \
		--pin --rounds $(ROUNDS) --seconds 1 --scenario $(EVERY_SCENARIO) --idle-streams max \
		--json "$$out/report.json" --html "$$out/report.html"; \
	echo; "$$target/release/mcp-loadtest" limits "$${tap[@]}" --json "$$out/limits.json"; \
	echo; echo "all targets"; "$$target/release/mcp-loadtest" targets "$$out/report.json" "$$out/limits.json"; \
	echo "curves and bars: $$out/report.html"

.PHONY: stdio
stdio: ## Compare a server wrapped by mcp-tap stdio with the same one without it (release build, then about a minute)
	cargo build --release --bin mcp-tap --bin mcp-loadtest
	@target="$${CARGO_TARGET_DIR:-target}"; stdio=("$$target/release/mcp-loadtest" stdio --tap "$$target/release/mcp-tap"); \
	"$${stdio[@]}" --pin --json "$$target/compare/stdio-pinned.json"; echo; \
	"$${stdio[@]}" --json "$$target/compare/stdio.json"

.PHONY: clean
clean: ## Remove everything that was built or installed here
	cargo clean
	rm -rf $(PARTS)

# Built from source once; there is no binary package of it.
$(CARGO_DENY):
	cargo install --quiet --locked --root $(PARTS)/cargo cargo-deny --version $(CARGO_DENY_VERSION)
