.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON ?= python3
BIN := .venv/bin
MESSAGES ?= 1000000

# Where it is set, each of some hundred processes compiles all that it imports: a start takes twice as long.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo prove test slow coverage seeded mutants lint format typecheck imports check migrate serve backends bench bench-quick measure fuzz docs lock clean

help:  ## List these targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.venv/ready: requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "needs Python 3.11 or later: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.venv/tools: requirements-tools.lock .venv/ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-tools.lock
	@touch $@

setup: .venv/ready  ## Make .venv with everything that work here needs

demo: setup  ## Start a real Kafka and PostgreSQL, send orders through the service, show what came out
	$(BIN)/python-app-template demo

prove: setup  ## Kill a worker and a relay at every failpoint, under load, and count what is lost
	$(BIN)/python-app-template prove

test: setup  ## The tests, on a real Kafka and PostgreSQL
	$(BIN)/python -m pytest -n 4 --dist loadscope --no-loadscope-reorder --max-worker-restart 0 -m "not slow"

slow: setup  ## The tests that start servers of their own or wait long: encryption, rights, the embedded servers, prove
	$(BIN)/python -m pytest -n 3 --dist loadscope --no-loadscope-reorder --max-worker-restart 0 -m slow

coverage: setup  ## Both, with the coverage of branches; a third slower
	$(BIN)/python -m pytest -n 4 --dist loadscope --no-loadscope-reorder --cov --cov-report=term

seeded: setup  ## Put bugs into copies of the service, one at a time: each has to be found
	$(BIN)/python -m tests.seeded

mutants: .venv/tools  ## Change the rules and the checker in thousands of ways: tests have to fail; MINUTES=60, goes on where it was
	nice $(BIN)/python -m tests.seeded.mutants --minutes $(or $(MINUTES),60) $(MUTANTS)

chaos: setup  ## Faults by the thousand on real servers: MINUTES=30 SEED=1 TALLY=file SLOW=1 FULL=1 ONLY=kind,kind ROUND=seconds
	$(BIN)/python -m tests.chaos --minutes $(or $(MINUTES),10) $(if $(SEED),--seed $(SEED)) $(if $(TALLY),--tally $(TALLY)) $(if $(SLOW),--slow) $(if $(FULL),--full-speed) $(if $(ONLY),--only $(ONLY)) $(if $(ROUND),--round-seconds $(ROUND))

lint: setup  ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: setup  ## Let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

typecheck: setup  ## mypy, strict, tests too
	$(BIN)/mypy

imports: setup  ## The walls of the house
	$(BIN)/lint-imports

check: lint typecheck imports  ## All that reads the code without running it

migrate: setup  ## Bring the database that the settings name to the head revision
	$(BIN)/alembic upgrade head

serve: setup  ## Run the service with the settings of the environment
	$(BIN)/python -m python_app_template

backends: setup  ## Start the embedded Kafka, PostgreSQL and Valkey and print what to export
	$(BIN)/python-app-template backends

bench: setup  ## Throughput beside peers and floor, latency, start; 2 hours. Writes docs/performance, prints the targets
	$(BIN)/python -m tests.benchmark throughput --json
	$(BIN)/python -m tests.benchmark latency --json
	$(BIN)/python -m tests.benchmark startup --json
	$(BIN)/python -m tests.benchmark report

measure: setup  ## One of the measurements that docs/ tell of: WHAT=recovery (rolling, poison, heavy, growth, latency, ...)
	$(BIN)/python -m tests.benchmark $(or $(WHAT),--help)

bench-quick: setup  ## Whether the same messages cost more statements, WAL, bytes or calls than they did; no times. UPDATE=1
	$(BIN)/python -m tests.benchmark.baseline $(if $(UPDATE),--update)

fuzz: .venv/tools  ## Malformed messages, 1,000,000 or MESSAGES=n, through decode, validate, dead letter; some through the service
	$(BIN)/python -m tests.fuzz --messages $(MESSAGES)
	FUZZ_MESSAGES=$$(($(MESSAGES) / 20)) FUZZ_EXAMPLES=2000 $(BIN)/python -m pytest -q -n 0 --timeout 1200 tests/fuzz

docs: setup  ## Make docs/configuration.md from the settings, and the table of docs/access.md from the policy
	$(BIN)/python -m python_app_template.settings.documents
	$(BIN)/python -m python_app_template.adapters.primary.rest.description
	$(BIN)/python -m python_app_template.cli.documents

lock: setup  ## Pin all dependencies again, with hashes (needs uv)
	uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header --python-version 3.11 pyproject.toml -o requirements.lock
	uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header --python-version 3.11 --all-extras --group dev --group bench pyproject.toml -o requirements-dev.lock
	uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header --python-version 3.11 --group fuzz --group mutants -c requirements-dev.lock pyproject.toml -o requirements-tools.lock

clean:  ## Remove what was built here; downloads in the user's cache stay
	rm -rf .venv .mutants .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis htmlcov .coverage* dist build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
