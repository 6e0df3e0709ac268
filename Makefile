# Weir's commands. `make` alone lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.weir-stamp
FLINK := .venv-flink
FLINK_STAMP := $(FLINK)/.weir-stamp
ARGS ?=
ONLY ?=
UV_COMPILE := $(BIN)/uv pip compile --quiet --override requirements.overrides --generate-hashes \
	--no-emit-index-url --no-annotate --no-header --universal --python-version 3.11

# The first interpreter that Weir supports; PYTHON=... chooses another.
PYTHON ?= $(shell for p in python3.12 python3.11 python3; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null \
	&& echo $$p && break; done)

export UV_PYTHON_DOWNLOADS := never

.PHONY: help debian-run debian-test env flink-env run test soak test-unit test-graph test-integration test-e2e \
	lint format types imports lock bench clean
.NOTPARALLEL:

# A worker has servers, a home and ports of its own; a file's tests run in one worker, in order.
# Three on two cores: a worker often waits for a server to start, stop or come back.
WORKERS ?= 3
PARALLEL := -n $(WORKERS) --dist loadfile --no-loadscope-reorder

help: ## List the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sort \
		| awk -F ':.*## ' '{printf "  make %-18s %s\n", $$1, $$2}'

debian-run debian-test: debian-%:
	@.ci/debian.sh $* $(if $(findstring --sources,$(ARGS)),sources)

env: $(STAMP) ## Create .venv from requirements-dev.lock (instant when nothing changed)

$(STAMP): requirements-dev.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Weir needs Python 3.11 or 3.12: apt-get install python3-venv" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { echo "$(PYTHON) cannot make $(VENV): apt-get install $(notdir $(PYTHON))-venv" >&2; exit 1; }
	@test -x $(BIN)/python || { echo "creating $(VENV) with $(PYTHON)"; $(PYTHON) -m venv $(VENV) || \
		{ rm -rf $(VENV); exit 1; }; }
	@# uv comes from the same lock: its lines are the requirement up to the next package.
	@test -x $(BIN)/uv || { echo "installing uv"; \
		awk '/^uv==/{on=1} on{print} on && !/\\$$/{exit}' requirements-dev.lock > $(VENV)/uv.lock; \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(VENV)/uv.lock; }
	@echo "installing the packages of requirements-dev.lock (a few minutes the first time)"
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip sync --require-hashes --compile-bytecode requirements-dev.lock
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

flink-env: env $(FLINK_STAMP) ## Create .venv-flink, for processors on Flink (Flink's packages, ours behind them)

$(FLINK_STAMP): requirements-flink.lock
	@test -x $(FLINK)/bin/python || $(BIN)/uv venv --quiet --python $(BIN)/python $(FLINK)
	@VIRTUAL_ENV=$(CURDIR)/$(FLINK) $(BIN)/uv pip sync --require-hashes requirements-flink.lock
	@$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' \
		> $$($(FLINK)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/weir.pth
	@touch $@

run: debian-run env ## Everything on this machine: servers, live data, tables (ARGS="--once --json" ...)
	@exec $(BIN)/weir run $(ARGS)

test: debian-test env ## All tests but the soak: unit, graph, integration, browser
	$(BIN)/pytest $(PARALLEL) $(ARGS)

soak: debian-test env flink-env ## The long ones that make test has a sample of: kill matrices, Spark's variants
	$(BIN)/pytest $(PARALLEL) -m soak $(ARGS)

test-unit: env ## Tests that start no server (a minute or two)
	$(BIN)/pytest tests/unit -n auto --dist worksteal $(ARGS)

test-graph: env ## Tests of the asset graph and its ticks
	$(BIN)/pytest tests/graph $(PARALLEL) $(ARGS)

test-integration: env ## Tests on the real servers
	$(BIN)/pytest tests/integration $(PARALLEL) $(ARGS)

test-e2e: env ## Tests in a browser
	$(BIN)/pytest tests/e2e $(ARGS)

lint: env ## Style, without changing anything
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: env ## Fix what style can fix
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: env ## mypy --strict
	$(BIN)/mypy

imports: env ## Package boundaries (import-linter)
	$(BIN)/lint-imports

lock: env ## Resolve requirements.lock and requirements-dev.lock again
	$(UV_COMPILE) requirements.in -o requirements.lock
	$(UV_COMPILE) requirements-dev.in -o requirements-dev.lock
	$(UV_COMPILE) requirements-flink.in -o requirements-flink.lock

bench: env ## Measure (ONLY=name for one); medians of five
	$(BIN)/python -m benchmarks $(if $(ONLY),--only $(ONLY)) $(ARGS)

clean: ## Stop the servers and delete .weir (tables and logs), caches of tools; keeps downloads
	@if test -x $(BIN)/weir && test -d .weir; then $(BIN)/weir down; fi
	rm -rf .weir .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache dbt_project/target
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
