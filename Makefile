# What people type. `make` alone lists it. Everything here is one line of cargo, or a script beside it.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# Only `make run TO=langfuse` sends to a real server: a variable TO of the environment does not.
TO := emulator
# Whether `make run` goes on with a page to look at: auto (on a terminal), always, never.
SERVE := auto
EVENT := events/sls-trigger.json
LOGS := tests/fixtures/gateway-samples.jsonl
# For `soak`: records offered, megabytes of the large range, seconds that a process lives between kills, seconds for each fuzz target, and
# the seed of an earlier run to repeat it.
RECORDS := 200000
RANGE_MB := 2048
LIFE := 3
FUZZ_SECONDS := 120
SEED :=
# For `cost`: one part of it.
PART :=
# For `package`: x86_64 or arm64, and in place of that any target of rustc's; a folder for the result, which ARCH chooses otherwise.
ARCH := x86_64
TARGET :=
OUT :=

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: ## Sample logs through the real function, and what arrives, also as a page; TO=langfuse sends to your server
	@cargo build --locked --bins
	@cargo run --locked --quiet --bin sls-to-langfuse -- demo --to $(TO) --serve $(SERVE)

# Three tests a core: most of them wait for retries and time-outs of the real binary.
.PHONY: test
test: ## Every test that needs only the toolchain
	@RUST_TEST_THREADS=$${RUST_TEST_THREADS:-$$((3 * $$(getconf _NPROCESSORS_ONLN)))} cargo test --locked

.PHONY: check
check: ## Formatter, lints, documentation, warnings being errors; pages, manifests and scripts against their rules
	cargo fmt --check
	cargo clippy --locked --all-targets --all-features -- -D warnings
	cargo clippy --locked --no-default-features --bin bootstrap -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps
	cargo test --locked --quiet --test it -- deploy_files:: docs::

.PHONY: peers
peers: ## Official SDKs and tools against us, in a scratch folder
	@cargo build --locked --quiet --bins
	@bash tests/peers/run

.PHONY: invoke
invoke: ## One event through the handler here: EVENT=FILE LOGS=FILE.jsonl TO=emulator|langfuse; LOGS= for an event of Lambda
	@cargo run --locked --quiet --bin sls-to-langfuse -- invoke --event "$(EVENT)" $(if $(LOGS),--logs "$(LOGS)") --to $(TO)

.PHONY: soak
soak: ## The long runs with faults and kills, and fuzzing: RECORDS=N RANGE_MB=N LIFE=S FUZZ_SECONDS=S SEED=N
	cargo build --locked --release --no-default-features --bin bootstrap --target-dir target/package/build
	SOAK_BOOTSTRAP="$(CURDIR)/target/package/build/release/bootstrap" SOAK_RECORDS=$(RECORDS) SOAK_RANGE_MB=$(RANGE_MB) SOAK_LIFE=$(LIFE) \
		FUZZ_SECONDS=$(FUZZ_SECONDS) SOAK_SEED=$(SEED) \
		cargo test --locked --profile soak --test it -- --ignored --nocapture --test-threads 1

.PHONY: package
package: ## dist/bootstrap for Function Compute, and the runtimes that it runs on; ARCH=arm64: dist-lambda/bootstrap for AWS Lambda
	@ARCH="$(ARCH)" TARGET="$(TARGET)" OUT="$(OUT)" .ci/package

.PHONY: template
template: ## target/template for a registry of Serverless Devs: deploy/serverless-devs with dist/bootstrap in it
	@test -x dist/bootstrap || { echo "dist/bootstrap is missing: make package" >&2; exit 1; }
	@rm -rf target/template
	@mkdir -p target
	@cp -R deploy/serverless-devs target/template
	@mkdir target/template/src/dist
	@cp dist/bootstrap target/template/src/dist/
	@echo "target/template is ready; s init --uri takes the folder it is given away, so give it a copy"

.PHONY: langfuse-env
langfuse-env: ## Random secrets for a Langfuse on this machine, in deploy/langfuse
	@deploy/langfuse/new-env

.PHONY: bench
bench: ## What the work costs beside a floor; fails above the bounds that are promised
	@cargo bench --locked --no-default-features --bench compressor --bench masking --bench records

.PHONY: cost
cost: ## What the deployable costs as a process: PART=starts|memory|groups|records|latency|quota for one; quota needs root; PART=python beside Python
	$(if $(filter python,$(PART)),@benches/python/prepare)
	cargo build --locked --release --no-default-features --bin bootstrap --target-dir target/package/build
	cargo bench --locked --bench process -- target/package/build/release/bootstrap $(PART)

.PHONY: guard
guard: ## Allocations and instructions of a record beside what they were; the second needs valgrind
	@cargo test --locked --quiet --test allocations -- --nocapture
	@cargo bench --locked --quiet --no-default-features --bench records -- instructions

.PHONY: clean
clean: ## Remove everything that was built
	cargo clean
	rm -rf dist dist-lambda
