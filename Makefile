# `make` alone lists what there is.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV ?= .venv
BIN := $(VENV)/bin
# The first Python on the PATH that is new enough.
PYTHON ?= $(firstword $(foreach python,python3 python3.13 python3.12 python3.11,\
	$(shell command -v $(python) >/dev/null 2>&1 && $(python) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(python))))
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
PYTEST = $(BIN)/python -m pytest --durations=40 --durations-min=3
AGAIN = $(BIN)/python -m tools.second_look
# pytest's 5: no test was selected.
UNLESS_NONE = { status=$$?; [ $$status -eq 5 ] ||
# One more than the cores that CI has: many of the tests wait for something.
JOBS ?= 3
# How many of the tests that mostly wait run at a time.
WAITING ?= 4
SECONDS ?= 20
# Set, it has each of the thousands of processes that tests begin compile whatever it imports.
export PYTHONDONTWRITEBYTECODE :=
# As it was typed, and by way of the environment: `&` and `$(...)` of a URL are neither the shell's nor make's.
override export SOURCE := $(value SOURCE)
ARGS ?=

.PHONY: help
help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  make demo SOURCE='rtsp://10.0.0.5/stream1 clip.mp4' SECONDS=60    your own cameras and files"
	@echo "  make test ARGS='tests/codec -k gop'                               some of the tests"

.PHONY: demo
demo: $(VENV)/.installed ## two drawn cameras and SOURCE= through a model, live, for SECONDS=20
	@read -ra sources <<< "$$SOURCE"; exec $(BIN)/sightline demo --seconds '$(SECONDS)' "$${sources[@]}"

.PHONY: test
test: check services ## all tests; installs what they need, real servers too where it runs as root
	$(PYTEST) -n $(JOBS) --dist worksteal -m "not alone and not waits" --cache-clear $(ARGS) || $(AGAIN) $$? -m "not alone and not waits"
	$(PYTEST) -n $(WAITING) --dist loadgroup -m waits --cache-clear $(ARGS) || $(UNLESS_NONE) $(AGAIN) $$status -m waits; }
	$(PYTEST) -m alone --cache-clear $(ARGS) || $(UNLESS_NONE) $(AGAIN) $$status -m alone; }

.PHONY: cover
cover: $(VENV)/.developing ## which lines and branches the tests reach; much slower
	$(PYTEST) -n $(JOBS) -m "not alone and not waits" --cov --cov-report=term:skip-covered $(ARGS)

.PHONY: check
check: $(VENV)/.developing ## format, lint, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy

.PHONY: format
format: $(VENV)/.developing ## put the code into its form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: services
services: $(VENV)/.developing ## find or install (as root) the real servers that the tests use
	@$(BIN)/python -m tools.services install --all || [ -z "$$CI" ]
	@$(BIN)/python -m tools.services list

.PHONY: bench
bench: $(VENV)/.developing ## measure against peers, side by side; see benches/README.md
	$(BIN)/python -m benches $(ARGS)

.PHONY: soak
soak: $(VENV)/.developing ## kill hubs, clients, flows and sites at random; ARGS='--rounds 100 --pipe-kills 100 --up-kills 100 --seed 7'
	$(BIN)/python -m tests.hub.proof.soak $(ARGS)

.PHONY: fuzz
fuzz: $(VENV)/.developing ## hold our readers of DeepStream's files against the real ones; ARGS='--files 100000 --seed 7'
	$(BIN)/python -m tests.deepstream.fuzz $(ARGS)

.PHONY: screenshots
screenshots: $(VENV)/.developing ## take the docs' pictures of every page, light and dark
	$(BIN)/python -m tools.cockpit_screenshots $(ARGS)

.PHONY: docs
docs: $(VENV)/.developing ## build the documentation into public/
	$(PIP) install --constraint constraints.txt --group docs
	$(BIN)/mkdocs build --strict --site-dir public

.PHONY: constraints
constraints: $(VENV)/.developing ## pin the versions that are installed now
	$(BIN)/python -m pip freeze --all --exclude-editable --exclude sightline --exclude setuptools | LC_ALL=C sort --ignore-case > constraints.txt

.PHONY: clean
clean: ## remove the environment and all that was built
	rm -rf $(VENV) build dist out public .services .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage*

$(VENV)/bin/python:
	@[ -n "$(PYTHON)" ] || { echo "Sightline needs Python 3.11 or newer on the PATH (or PYTHON=/path/to/python)" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "$(PYTHON) cannot make environments; on Debian: apt-get install python3-venv" >&2; exit 1; }

$(VENV)/.installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing Sightline into $(VENV) ..."
	@$(PIP) install --constraint constraints.txt --upgrade pip
	@$(PIP) install --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.developing: $(VENV)/.installed
	@echo "Installing what development needs into $(VENV) ..."
	@$(PIP) install --constraint constraints.txt --editable '.[all]' --group check --group test
	@touch $@
