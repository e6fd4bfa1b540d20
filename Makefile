# The chores of EmboFlow; `make` alone lists them.

CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/emboflow
export EMBOFLOW_TOOLS ?= $(CACHE)/tools
# Outside the clone, so that a fresh clone builds quickly; nothing depends on what is in there.
export CARGO_TARGET_DIR ?= $(CACHE)/target
# Rustup's compiler before any other: it is the one that rust-toolchain.toml names.
export PATH := $(EMBOFLOW_TOOLS)/bin:$(or $(CARGO_HOME),$(HOME)/.cargo)/bin:$(PATH)

# What it takes to build and to run workflows; the tests need the rest of ops/setup/parts too.
RUNNING := rust wasm engine bases nats client
WASM := --target wasm32-unknown-unknown

.PHONY: help setup build web images demo env up down logs ps validate test test-stack verify fix bench simulate nemesis clean
.NOTPARALLEL:

help: ## List the chores
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

setup: ## Install what is missing, saying what and why
	@ops/setup/setup

# With --bin, unlike --package, cargo compiles the dependencies just as `cargo build` and `cargo test` need them.
web: ## Build the page into web/dist
	@ops/setup/setup rust wasm
	@cargo run --quiet --bin xtask -- page

build: web ## Build the programs, with the page in them
	@cargo build

images: ## Make the images of the examples
	@ops/setup/setup engine bases
	@ops/images/build

demo: ## Run the digits workflow from nothing, and show it live
	@ops/setup/setup $(RUNNING)
	@$(MAKE) --no-print-directory build images
	@ops/demo

env: ## Print what puts emboflow and its tools on the PATH: eval "$(make env)"
	@echo 'export CARGO_TARGET_DIR="$(CARGO_TARGET_DIR)" PATH="$(CARGO_TARGET_DIR)/debug:$(EMBOFLOW_TOOLS)/bin:$$PATH"'

# An installation with Compose: which of the folders in compose/, such as `make up STYLE=small`.
STYLE ?= server
export STYLE

up: ## Start the stack of containers (STYLE=server) and wait until it is healthy
	@ops/setup/setup engine compose
	@ops/compose/compose up --detach --wait --wait-timeout 300

down: ## Stop the stack; it drains, and all data stay
	@ops/compose/compose down

logs: ## Follow what the stack says
	@ops/compose/compose logs --follow --tail 100

ps: ## List the stack's containers and their health
	@ops/compose/compose ps --all

validate: ## Check the compose files of every style, and the settings of this installation
	@ops/setup/setup engine compose
	@ops/compose/validate

test: setup build images ## Run every test; installs what they need
	@ops/test

test-stack: build ## Start each style with its real compose files, use it, break it, restore it
	@ops/setup/setup
	@ops/images/build --sbom hello platform standins
	@ops/images/check --sbom
	@ops/stack/test

verify: ## Check format, lints, docs and generated files; writes no file of the clone
	@ops/setup/setup rust wasm shell
	cargo fmt --all --check
	cargo clippy --quiet --workspace --exclude emboflow-web --all-targets -- -D warnings
	cargo clippy --quiet --package emboflow-web --package emboflow-web-reader --package emboflow-model --package emboflow-protocol $(WASM) -- -D warnings
	cargo clippy --quiet --package emboflow-web --package emboflow-web-reader --tests -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --quiet --workspace --exclude emboflow-web --no-deps
	cargo test --quiet --package system-tests --test architecture
	cargo run --quiet --bin xtask --features xtask/generate -- generate --check
	cargo run --quiet --bin emboflow -- config reference | diff docs/configuration.md - || { echo 'docs/configuration.md is stale: make fix'; exit 1; }
	shellcheck -x .ci/run ops/demo ops/test ops/setup/setup ops/images/build ops/images/check ops/compose/backup ops/compose/compose ops/compose/emboflow ops/compose/init ops/compose/validate ops/stack/test ops/stack/styles/* ops/grafana/make ops/grafana/check ops/alertmanager/start examples/nats/submit.sh tests/shell/*
	shellcheck -x -s bash -e SC2034,SC2154 ops/up ops/setup/tools ops/setup/parts/* ops/compose/paths ops/stack/story ops/images/debian ops/images/digits ops/images/hello ops/images/platform ops/images/standins ops/images/rust

fix: ## Format, apply what the lints suggest, generate files anew
	cargo fmt --all
	cargo clippy --quiet --workspace --exclude emboflow-web --all-targets --fix --allow-dirty --allow-staged
	cargo run --quiet --bin xtask --features xtask/generate -- generate
	cargo run --quiet --bin emboflow -- config reference > target/configuration.md && mv target/configuration.md docs/configuration.md

# A quarter of an hour and another order each time; with NEMESIS_MINUTES=0 every harm comes once, as in `make test`.
NEMESIS_MINUTES ?= 15
NEMESIS_SEED ?= $(shell date +%s)
nemesis: ## Harm real processes for NEMESIS_MINUTES=15 in the order of NEMESIS_SEED, and judge what came of it
	@ops/setup/setup
	@ops/images/build hello
	@NEMESIS_MINUTES=$(NEMESIS_MINUTES) NEMESIS_SEED=$(NEMESIS_SEED) cargo test --package system-tests --test whole \
	  nemesis -- --nocapture --test-threads 1

# Without these, `make simulate` takes as many seeds as a change must pass.
SEEDS ?= 2000
simulate: ## Simulate the scheduler with SEEDS=2000 seeds, or show what happens in one (SEED=x)
	@ops/setup/setup rust
	@cargo run --quiet --profile simulation --package svc-scheduler --features simulation --bin simulate -- $(if $(SEED),--seed $(SEED),--seeds $(SEEDS))

bench: build images ## Measure, each figure beside a bare floor program
	@ops/setup/setup
	cargo run --release --package emboflow-bench

clean: ## Remove what builds and demos left behind; downloaded tools and installations of `emboflow up` stay
	rm -rf .emboflow/demo .emboflow/demo.log web/dist
	cargo clean
