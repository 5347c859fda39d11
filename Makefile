# Two commands matter: `make demo` shows the product at work, `make test` proves it.
# Both do all their set-up in .venv; they need Python >= 3.11 and a package index.

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
QUIETLY := PYTHONWARNINGS='ignore:XDG_RUNTIME_DIR is not set'

.DEFAULT_GOAL := help
.PHONY: help demo test check docs torture fuzz snippet pictures bench bench-page bench-matching clean

help: ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: .venv/.app ## show the whole product at work (Ctrl-C ends it; DEMO_ARGS=--once exits by itself)
	@$(BIN)/collector demo $(DEMO_ARGS)

test: .venv/.dev ## run the whole suite: SQLite, PostgreSQL, a real Chromium and Firefox
	@$(BIN)/python -m tests.prepare_browser
	$(BIN)/pytest $(TEST_ARGS)

check: .venv/.dev docs ## lint (with bandit's rules), types, layers, known vulnerabilities, and the docs as a site
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tests.audit

docs: .venv/.dev ## build the docs as a site in docs/_build
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going -c docs . docs/_build
	@echo "Open docs/_build/index.html"

torture: .venv/.dev ## kill job and server everywhere, try anything in any order, and see that it does not matter (docs/torture.md)
	@$(QUIETLY) $(BIN)/python -m tests.torture $(TORTURE_ARGS)
	@$(QUIETLY) $(BIN)/python -m tests.torture.beacons $(BEACONS_ARGS)
	@$(QUIETLY) $(BIN)/python -m tests.faults $(FAULTS_ARGS)
	@$(QUIETLY) $(BIN)/python -m tests.torture.hosts $(HOSTS_ARGS)
	@$(QUIETLY) $(BIN)/python -m tests.properties $(PROPERTIES_ARGS)
	@$(QUIETLY) $(BIN)/python -m tests.properties --database postgresql $(PROPERTIES_ARGS)

fuzz: .venv/.fuzz ## try a hundred thousand inputs of each kind, and see that nothing fails (docs/security.md)
	@$(QUIETLY) $(BIN)/python -m tests.fuzz $(FUZZ_ARGS)

snippet: .venv/.dev ## build static/js/collector.min.js and its compressed forms from the source
	$(BIN)/python static/js/build.py

pictures: .venv/.dev ## take the pictures of the dashboard anew, of made-up weeks
	@$(BIN)/python docs/pictures/make.py

bench: .venv/.bench ## measure side by side with what people would use instead (docs/performance.md)
	@$(BIN)/python -m bench $(BENCH_ARGS)

bench-page: .venv/.dev ## measure what the snippet costs a page (docs/page-cost.md)
	@$(BIN)/python -m bench.page_cost $(BENCH_ARGS)

bench-matching: .venv/.dev ## measure how right the matching is, by rule (docs/matching.md)
	@$(BIN)/python -m bench.matching_quality $(BENCH_ARGS)

clean: ## remove what make has made
	rm -rf .venv dist docs/_build .mypy_cache .pytest_cache .ruff_cache .import_linter_cache

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "No Python >= 3.11 found. Install one, or name it: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -m venv .venv || { rm -rf .venv; echo "$(PYTHON) cannot make a virtual environment. On Debian: apt-get install python3-venv" >&2; exit 1; }

.venv/.app: .venv/bin/python pyproject.toml constraints.txt
	@echo "Installing into .venv"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

.venv/.dev: .venv/bin/python pyproject.toml constraints.txt
	@echo "Installing into .venv, with what the tests need"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch .venv/.app $@

.venv/.bench: .venv/.dev
	@echo "Installing what the benchmarks compare with"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,bench]'
	@touch $@

# Where atheris has no wheel for this Python and cannot be built, its targets are left out.
.venv/.fuzz: .venv/.dev
	@echo "Installing atheris"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,fuzz]' || echo "Going on without atheris"
	@touch $@
