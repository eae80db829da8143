# One line of help per target: make help. Three workers on two cores: a test that waits leaves room for another one.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help

.PHONY: help
help: ## show this help
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || (echo "Concord needs Python 3.11 or later: make PYTHON=/path/to/python3" && exit 1)
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV) (once; about a minute)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $(STAMP)

.PHONY: install
install: $(STAMP) ## set up the virtual environment in .venv

.PHONY: sync
sync: $(STAMP) ## sync the network end to end and print what happened (NETWORK=sample)
	@$(BIN)/concord sync $(if $(NETWORK),--network $(NETWORK)) $(ARGS)

.PHONY: test
test: $(STAMP) ## run the default tests
	@$(BIN)/python -m pytest -q -n 3 --dist loadfile --no-loadscope-reorder -m 'not heavy and not slow' $(ARGS)

.PHONY: test-slow
test-slow: $(STAMP) ## run what CI runs beyond the default tests (whole lives of small networks)
	@$(BIN)/python -m pytest -q -n 3 --dist loadfile --no-loadscope-reorder -m 'slow and not heavy' $(ARGS)

.PHONY: test-heavy
test-heavy: $(STAMP) ## run the slowest tests (crash rounds, large inputs, a month of syncs; hours)
	@$(BIN)/python -m pytest -q -m heavy $(ARGS)

.PHONY: ui
ui: $(STAMP) ## open the Dagster UI on http://127.0.0.1:3000
	@$(BIN)/concord ui $(ARGS)

.PHONY: lint
lint: $(STAMP) ## ruff, mypy --strict and the feed contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/concord feeds check

.PHONY: bench
bench: $(STAMP) ## measure the spine beside hand-written DuckDB SQL (several minutes)
	@$(BIN)/python bench/spine.py $(ARGS)

.PHONY: clean
clean: ## remove the state (var/) and the caches; keeps .venv
	@rm -rf var .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist *.egg-info
