# make study   a study of the heat equation, with its report
# make test    the tests
# make lint    linter and type checker
# make siege   kills, damaged files, full disks, fuzzed command lines: the table of docs/trust.md, in under half an hour
# make docs    the guides and the reference as a site, in site/
# Needs Python >= 3.11 with venv; everything else goes into .venv. Another interpreter: make PYTHON=/path/to/python test

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)
PIP := $(BIN)/python -m pip install --quiet --constraint constraints.txt

.PHONY: study test lint siege docs clean

study: $(VENV)/.ready
	$(BIN)/pinndd study heat --out runs/heat --resume
	@echo "The report is runs/heat/report.html: open it in a browser."

test: $(VENV)/.ready
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --durations 25

lint: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/mypy

siege: $(VENV)/.ready
	$(BIN)/python benchmarks/siege

docs: $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict
	@echo "The site is site/index.html: open it in a browser."

clean:
	rm -rf $(VENV) site .pytest_cache .mypy_cache .ruff_cache .hypothesis

# torch first, at the version of constraints.txt: nothing that follows brings a second one
$(VENV)/.ready: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "No Python >= 3.11 found: install one, or say make PYTHON=/path/to/python"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) torch
	$(PIP) --editable '.[test,lint]'
	@touch $@

# only for the site: tests and studies do not need it
$(VENV)/.docs: $(VENV)/.ready
	$(PIP) --editable '.[docs]'
	@touch $@
