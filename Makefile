# `make demo` starts everything on this machine; `make test` runs the suite on the same
# real servers. Needs nothing but Python 3.11 or newer and make.

ifndef PYTHON
PYTHON := $(shell for p in python3 python3.13 python3.12 python3.11; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$p"; exit; }; \
	done; echo python3)
endif
VENV ?= .venv
RUN := $(VENV)/bin/python
TESTS ?= tests
PYTEST_ARGS ?= -n auto --dist worksteal
LINT_IMPORTS_ARGS ?=
VERIFY_ARGS ?= acme
DEMO := $(or $(BREAKGLASS_VAR_DIR),var)/demo.json
LOCK := pip compile --universal --python-version 3.11 --generate-hashes --no-annotate --no-emit-index-url
# The lock names every package, so nothing is resolved anew: pip would take an unlocked
# release of pydantic for the `pydantic[email]` that a dependency asks for.
PIP := -m pip --disable-pip-version-check install --quiet --require-hashes --no-deps

.DEFAULT_GOAL := help
.PHONY: help demo verify test lint format messages lock bench soak screenshots clean reset
.DELETE_ON_ERROR:

help: ## say what there is
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 20

demo: $(VENV)/.locked ## start everything with demo people; PORT=8000; Ctrl-C stops
	@exec $(RUN) manage.py demo $(DEMO_ARGS)

verify: $(VENV)/.locked ## check a log of the running demo; VERIFY_ARGS=acme
	@test -e "$(DEMO)" || { echo "Start the demo first: make demo" >&2; exit 1; }
	@DATABASE_URL=$$($(RUN) -c 'import json, sys; print(json.load(sys.stdin)["database_url"])' <"$(DEMO)") && \
		export DATABASE_URL && exec $(RUN) manage.py verify $(VERIFY_ARGS)

test: $(VENV)/.locked-dev ## the test suite on real PostgreSQL and Valkey
	@exec $(RUN) -m pytest $(PYTEST_ARGS) $(TESTS)

lint: $(VENV)/.locked-dev ## formatting, lint, types, architecture
	@$(RUN) -m ruff format --check .
	@$(RUN) -m ruff check .
	@$(RUN) -m mypy
	@$(VENV)/bin/lint-imports --no-logo $(LINT_IMPORTS_ARGS)

format: $(VENV)/.locked-dev ## let ruff rewrite what it can
	@$(RUN) -m ruff format .
	@$(RUN) -m ruff check --fix .

messages: $(VENV)/.locked ## bring the translations under locale/ up to date with the source
	@$(RUN) manage.py translations update

lock: $(VENV)/.made ## resolve pyproject.toml into the two lock files
	@test -x $(VENV)/bin/uv || $(RUN) -m pip --disable-pip-version-check install --quiet uv
	@$(VENV)/bin/uv $(LOCK) --quiet pyproject.toml -o requirements.txt
	@$(VENV)/bin/uv $(LOCK) --quiet pyproject.toml --group dev -o requirements-dev.txt

bench: $(VENV)/.locked-dev ## decisions and the log's rates, measured on this machine
	@exec $(RUN) -m bench $(BENCH_ARGS)

soak: $(VENV)/.locked-dev ## the long hunts that `make test` leaves out
	@exec $(RUN) -m pytest -m soak --timeout 0 $(SOAK_ARGS) $(TESTS)

screenshots: $(VENV)/.locked-dev ## pictures of every page of the running demo, to look at
	@exec $(RUN) -m tests.browser.screenshots $(SCREENSHOTS_ARGS)

clean: ## remove the environment and the caches; the demo's data stays
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache staticfiles
	@find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +

reset: ## remove the demo's data
	@if [ -e var/demo.json ]; then echo "Stop the demo first." >&2; exit 1; fi
	@rm -rf var

# --- the environment, made anew whenever a lock file changes ---------------------------

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "breakglass needs Python 3.11 or newer, and $(PYTHON) is $$($(PYTHON) -V 2>&1): name one with make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { \
		echo "No virtual environment could be made; on Debian and Ubuntu install python3-venv." >&2; exit 1; }
	@touch $@

$(VENV)/.locked: requirements.txt | $(VENV)/.made
	@echo "Installing what requirements.txt locks into $(VENV) …"
	@$(RUN) $(PIP) -r requirements.txt
	@touch $@

# The development lock holds everything that the other one does.
$(VENV)/.locked-dev: requirements-dev.txt | $(VENV)/.made
	@echo "Installing what requirements-dev.txt locks into $(VENV) …"
	@$(RUN) $(PIP) -r requirements-dev.txt
	@touch $@ $(VENV)/.locked
