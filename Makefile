# serve and test make .venv themselves: Python 3.11 or later, make and a network are all they need.
PYTHON ?= python3
BIN := .venv/bin

# What PyPI has for Linux is torch's CUDA build, three of the gigabytes; an index of CPU builds takes PIP_EXTRA_INDEX_URL.
SIZE_OF_serve := about 0.2 GB to download
SIZE_OF_docs := about 0.02 GB to download
SIZE_OF_dev := about 3.6 GB to download, 7.3 GB on disk, where torch comes with CUDA

.PHONY: serve test check slow fix docs lock clean

# make serve PORT=8080: on another port than 8000.
serve: .venv/.serve
	$(BIN)/python -m serve $(if $(PORT),--port $(PORT))

# Each file of tests in one of a few processes, which share the cores.
PYTEST := $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

test: .venv/.dev
	$(PYTEST)

check: .venv/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(PYTEST)

slow: .venv/.dev
	$(BIN)/python -m pytest -m slow

fix: .venv/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: .venv/.docs
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet docs build/docs
	@echo "open build/docs/index.html"

# requirements.lock holds exact versions for every extra at once; an install takes from it what it needs.
.venv/.serve .venv/.dev .venv/.docs: .venv/.%: pyproject.toml requirements.lock | .venv/bin/python
	@echo "installing into .venv: $(SIZE_OF_$*)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint requirements.lock --editable '.[$*]'
	@touch $@

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "error: Python 3.11 or later is needed; name one with make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv .venv

lock: .venv/.dev
	$(BIN)/python -m pip freeze --exclude-editable --exclude unipose > requirements.lock

clean:
	rm -rf .venv build *.egg-info
