# make demo   set up, then make a talking portrait, encode it, decode it, print a table
# make test   set up, then run the tests but those of GPUs and those that take long
# make all    set up, then run all tests
# make check  set up, then ruff and mypy

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test all check bench clean

demo: $(VENV)/.ready
	$(BIN)/python -m tsplat.bench.demo demo

test: $(VENV)/.ready
	$(BIN)/python -m pytest -m "not gpu and not slow"

all: $(VENV)/.ready
	$(BIN)/python -m pytest

check: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.ready
	$(BIN)/python -m tsplat.bench.kernels

$(VENV)/.ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) demo build dist *.egg-info
