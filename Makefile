# Needs Python 3.11 or later and make; everything else is set up in .venv.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: help demo test test-here test-containers model faults soak bench format lint types imports check lock clean

help:
	@echo "make demo     a sidecar on a local folder: a full, a differential and a refused request"
	@echo "make test     every test, with --jobs 2 in two processes; tiers whose machinery isn't there say so and are skipped"
	@echo "make model    the protocol's model through 5,000 random lives, some minutes"
	@echo "make faults   each fault there is, and docs/faults.md from what is seen of it"
	@echo "make bench    the figures that the README quotes, measured here"
	@echo "make soak     an hour of mixed load and faults, its table into docs/faults.md; SOAK=3m is a short one"
	@echo "make check    format, lint, types and import rules"
	@echo "make lock     write the images' lock files anew"
	@echo "make clean    remove what these made"

.venv/.ready: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "make: $(PYTHON) is older than 3.11; name a later one: make PYTHON=python3.12 ..." >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --editable '.[all]' --group dev
	@touch $@

demo: .venv/.ready
	@$(BIN)/python -m tests.demo

# Two processes, so that `make test --jobs 2` runs them beside each other: what waits for containers leaves time.
test: test-here test-containers

test-here: .venv/.ready
	$(BIN)/python -m pytest -q -m "not docker and not kubernetes"

test-containers: .venv/.ready
	$(BIN)/python -m pytest -q -m "docker or kubernetes"

model: .venv/.ready
	NEO4J_BACKUP_MODEL_EXAMPLES=$${NEO4J_BACKUP_MODEL_EXAMPLES:-5000} $(BIN)/python -m pytest -q tests/model

faults: .venv/.ready
	@$(BIN)/python -m tests.faults $(FAULTS)

bench: .venv/.ready
	@$(BIN)/python -m tests.benchmarks $(BENCH)

SOAK ?= 1h

soak: .venv/.ready
	@$(BIN)/python -m tests.soak $(SOAK)

format: .venv/.ready
	$(BIN)/ruff format --check .

lint: .venv/.ready
	$(BIN)/ruff check .

types: .venv/.ready
	$(BIN)/mypy

imports: .venv/.ready
	$(BIN)/lint-imports

check: format lint types imports

UV := $(BIN)/uv pip compile --quiet --generate-hashes --python-version 3.11 --python-platform linux \
  --only-binary :all: --no-header

lock: .venv/.ready
	$(BIN)/python -m pip install --quiet uv
	$(UV) pyproject.toml --extra sidecar --no-emit-package click --no-emit-package tenacity \
	  -o images/sidecar/requirements.lock
	$(UV) pyproject.toml --extra docker --extra kubernetes -o images/trigger/requirements.lock
	echo 'setuptools>=77' | $(UV) - -o images/build.lock

clean:
	rm -rf .venv .cache build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -prune -exec rm -rf {} +
