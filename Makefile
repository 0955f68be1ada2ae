# Two commands for a new user: `make demo` and `make test`. Both set up the environment first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test check docs bench fuzz portability streaming lock clean help setup

help:  ## Show this list.
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(STAMP)  ## Create the virtual environment with pinned dependencies.

$(STAMP): constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or later is needed, this is " + sys.version.split()[0] + "; for another one, set PYTHON=python3.12") if sys.version_info < (3, 11) else None'
	@echo "Installing pinned dependencies into $(VENV) (about 2 GB, a few minutes the first time) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r constraints.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@$(BIN)/python tools/install_extras.py
	@touch $@

demo: $(STAMP)  ## Train a small flow on the bundled speech, code the held-out clips and compare with FLAC.
	@$(BIN)/python train.py experiment=demo
	@$(BIN)/python evaluate.py run=demo/latest model=flow-small,bands-small,default

test: $(STAMP)  ## Run all tests.
	@$(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

check: $(STAMP)  ## Check format, lint and types.
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

docs: export NO_MKDOCS_2_WARNING = 1
docs: $(STAMP)  ## Build the documentation site, build/site/index.html (no network needed).
	@$(BIN)/python -m mkdocs build --strict --quiet
	@echo "built build/site/index.html"

bench: $(STAMP)  ## Compare with other codecs (DATA=folders, default: the bundled speech); measure the coder and its start-up.
	@$(BIN)/python -m benchmarks.codecs $(DATA)
	@$(BIN)/python -m benchmarks.startup
	@$(BIN)/python -m benchmarks.coding
	@TF_CPP_MIN_LOG_LEVEL=3 $(BIN)/python -m benchmarks.exactness
	@$(BIN)/python -m benchmarks.streaming

portability: $(STAMP)  ## Check that compressed bytes do not depend on thread counts, processors and library versions.
	@$(BIN)/python tools/portability.py --environments

streaming: $(STAMP)  ## Plot time and memory against length, up to an hour (about 10 minutes).
	@$(BIN)/python -m benchmarks.streaming --hour --jobs 1

fuzz: $(STAMP)  ## Fuzz the decoder, ten minutes per target (installs atheris).
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check atheris
	@$(BIN)/python -m fuzz.run all 600

lock:  ## Resolve the pinned dependencies again (needs uv).
	uv pip compile pyproject.toml --extra train --group dev --universal --python-version 3.11 --generate-hashes --no-header -o constraints.txt

clean:  ## Remove the virtual environment and caches; keep the runs under outputs/.
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist *.egg-info
