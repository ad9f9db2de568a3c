# What people type. `make` alone lists it. Everything here is one line of cargo, or a script beside it.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# Only `make run TO=langfuse` sends to a real server: a variable TO of the environment does not.
TO := emulator
EVENT := events/sls-trigger.json
LOGS := tests/fixtures/gateway-samples.jsonl
# Another target for `package`, such as x86_64-unknown-linux-musl.
TARGET :=

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: ## Sample logs through the real function, and what arrives; TO=langfuse sends to your server
	@cargo build --locked --bins
	@cargo run --locked --quiet --bin sls-to-langfuse -- demo --to $(TO)

.PHONY: test
test: ## Every test that needs only the toolchain
	@cargo test --locked

.PHONY: check
check: ## Formatter, lints and documentation, warnings being errors
	cargo fmt --check
	cargo clippy --locked --all-targets --all-features -- -D warnings
	cargo clippy --locked --no-default-features --bin bootstrap -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps

.PHONY: peers
peers: ## Official SDKs and tools against us, in a scratch folder
	@cargo build --locked --quiet --bins
	@bash tests/peers/run

.PHONY: invoke
invoke: ## One event through the handler here: EVENT=FILE LOGS=FILE.jsonl TO=emulator|langfuse; LOGS= for an event of Lambda
	@cargo run --locked --quiet --bin sls-to-langfuse -- invoke --event "$(EVENT)" $(if $(LOGS),--logs "$(LOGS)") --to $(TO)

.PHONY: package
package: ## dist/bootstrap for Function Compute, and the runtimes that it runs on
	cargo build --locked --release --no-default-features --bin bootstrap --target-dir target/package $(if $(TARGET),--target $(TARGET))
	mkdir -p dist
	install -m 0755 target/package/$(if $(TARGET),$(TARGET)/)release/bootstrap dist/bootstrap
	@.ci/runtimes dist/bootstrap

.PHONY: clean
clean: ## Remove everything that was built
	cargo clean
	rm -rf dist
