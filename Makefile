# okng from a bare checkout: python3 (3.11 to 3.13, with venv) and make are all it needs.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
INSTALLED = $(VENV)/.installed

.PHONY: help install demo test test-all check check-style format bench dist clean

help:            ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 18

install: $(INSTALLED)   ## a virtual environment with all of okng, at the pinned versions

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[bridges,station,train,dev]'
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps picamera2==0.3.38
	@touch $@

demo: install    ## the whole loop without hardware, minutes; leaves demo/index.html
	$(BIN)/okng demo

test: install    ## the fast tests
	$(BIN)/python -m pytest

test-all: install  ## every test that can run on this machine; as root also a real systemd and full disks
	$(BIN)/python -m pytest -m "not board"

check: check-style test  ## format, lint, types, imports, then the fast tests

check-style: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: install  ## put the code into its form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: install   ## what the docs quote of speed
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/image_quality.py
	$(BIN)/python -m benchmarks.frame_path

dist: install    ## wheel and sdist, in dist/
	$(BIN)/python -m build --outdir dist .

clean:           ## remove what the other targets made
	rm -rf $(VENV) demo dist build *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
