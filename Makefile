# `make help` lists what there is. Everything is installed into .venv, again only when pyproject.toml has changed.

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin

# Arguments for serve and test: make serve ARGS="--port 9000", make test ARGS="tests/billing -x"
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help demo serve test check bench

help:  ## This list.
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "make %-7s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.demo  ## See the gateway at work: calls, receipts, balances. Leaves nothing behind.
	@$(RUN)/headgate demo

serve: $(VENV)/.demo  ## Start a gateway on ./data; prints an API key at the first start.
	@$(RUN)/headgate serve $(ARGS)

test: $(VENV)/.dev  ## Run all tests.
	$(RUN)/pytest $(ARGS)

check: $(VENV)/.dev  ## Lint, format, types, import contracts; and a report of sizes.
	@status=0; \
	for step in "ruff check" "ruff format --check" "mypy" "lint-imports"; do \
		echo "== $$step"; $(RUN)/$$step || status=1; \
	done; \
	echo "== sizes"; $(RUN)/python scripts/sizes.py src/headgate; \
	exit $$status

bench: $(VENV)/.dev  ## Measure beside HAProxy and LiteLLM; writes benchmarks/results.md.
	$(RUN)/python benchmarks/run.py $(ARGS)

$(VENV)/.demo: pyproject.toml
	@PYTHON=$(PYTHON) scripts/set-up demo
	@touch $@

$(VENV)/.dev: pyproject.toml
	@PYTHON=$(PYTHON) scripts/set-up demo,test,check
	@touch $@ $(VENV)/.demo
