# Two commands for a machine with Python 3.11.4 or newer and nothing else: make demo, make test.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 2
# Processes of the tests: one more than cores, since there is always a test that waits; with two more they take longer.
TEST_PROCESSES ?= 3

.DEFAULT_GOAL := help
.PHONY: help demo test soak lint perf docs install clean

help:  ## Say what there is to make
	@sed -n 's/^\([a-z-]*\):.*## */\1: /p' Makefile

# The stamp is newer than pyproject.toml once everything in it is installed.
$(VENV)/.installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11, 4) and "bench needs Python 3.11.4 or newer: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

install: $(VENV)/.installed  ## Make .venv and install bench with what its tests need

demo: $(VENV)/.installed  ## Search the built-in spoken digits, and print the leaderboard
	$(BIN)/bench run --config docs/demo.toml --workers $(WORKERS)

test: lint  ## Lint, check types, run the tests
	$(BIN)/python -m pytest --numprocesses $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder

soak: $(VENV)/.installed  ## Kill workers and schedulers of a 300-trial study for some minutes, and check that nothing is lost
	$(BIN)/python tests/soak.py --workers $(WORKERS)

lint: $(VENV)/.installed  ## Lint and check types alone
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

perf: $(VENV)/.installed  ## Measure speed and memory against a bare loop and a peer, into perf/README.md: about an hour
	$(BIN)/python -m perf

docs: $(VENV)/.installed  ## Build the documentation and the leaderboards as a site, into build/docs
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[docs]'
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet
	@echo build/docs/index.html

clean:  ## Remove the environment and everything that can be made again
	rm -rf $(VENV) build/docs .mypy_cache .ruff_cache .pytest_cache .hypothesis
