# make study   a study of the heat equation, with its report
# make test    the tests
# make lowest  the core of the tests, with the lowest versions that pyproject.toml allows
# make lint    linter and type checker
# make siege   kills, damaged files, full disks, fuzzed command lines: the table of docs/trust.md, in under half an hour
# make gpu     the tests that need a GPU, and what one does per second, in under ten minutes
# make docs    the guides and the reference as a site, in site/
# Needs Python >= 3.11 with venv; everything else goes into .venv. Another interpreter: make PYTHON=/path/to/python test

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)
PIP := $(BIN)/python -m pip install --quiet --constraint constraints.txt

LOWEST := .venv-lowest
# what is saved and read, each library that pyproject.toml names, small fits, the command line
CORE := tests/test_lowest.py tests/test_data.py tests/test_checkpoint.py tests/test_constraints.py tests/test_reading.py \
	tests/test_cli.py::test_list tests/test_cli.py::test_the_version_and_the_module_entry_point \
	tests/test_cli.py::test_export_writes_a_csv_once tests/test_cli.py::test_check_exits_with_2_for_an_unfit_module \
	tests/study/results/test_run_folder.py tests/study/results/test_summary.py \
	tests/study/test_workers.py::test_an_exception_that_no_cell_foresees_is_told \
	tests/study/results/test_run_folder_under_siege.py::test_the_second_writer_is_refused \
	tests/study/report/test_report.py tests/study/exploring/test_page.py::test_a_page_builds \
	tests/learners/test_ridge.py tests/learners/test_gauss_newton.py tests/learners/test_black_box.py tests/test_cma_es.py \
	tests/pinn/declare/test_tables.py tests/pinn/solving/test_cache.py tests/pinn/solving/test_writing.py \
	tests/pinn/solving/test_parts.py::test_it_is_indeed_other_processes_that_solve \
	tests/pinn/reference/test_references_space.py::TestFiniteElements tests/distances/test_transport.py \
	tests/vision/test_converting.py tests/vision/test_datasets.py \
	tests/bayesnet/test_bif_variants.py tests/bayesnet/test_hospital_files.py tests/bayesnet/test_pyagrum.py

.PHONY: study test lowest lint siege gpu docs clean

study: $(VENV)/.ready
	$(BIN)/pinndd study heat --out runs/heat --resume
	@echo "The report is runs/heat/report.html: open it in a browser."

test: $(VENV)/.ready
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --durations 25

# old libraries say that newer ones of others will change
lowest: $(LOWEST)/.ready
	OMP_NUM_THREADS=1 $(LOWEST)/bin/python -m pytest --numprocesses auto -p no:cacheprovider -W ignore::DeprecationWarning $(CORE)

lint: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/mypy

siege: $(VENV)/.ready
	$(BIN)/python benchmarks/siege

# of tests and measurements that need a GPU alone; without one the measurements say so and end with 1
gpu: $(VENV)/.ready
	$(BIN)/python -m pytest -m gpu tests/test_gpu.py
	$(BIN)/python benchmarks/gpu.py

docs: $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict
	@echo "The site is site/index.html: open it in a browser."

clean:
	rm -rf $(VENV) $(LOWEST) site .pytest_cache .mypy_cache .ruff_cache .hypothesis

# torch first, at the version of constraints.txt: nothing that follows brings a second one
$(VENV)/.ready: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "No Python >= 3.11 found: install one, or say make PYTHON=/path/to/python"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) torch
	$(PIP) --editable '.[test,lint]'
	@touch $@

# torch with its own needs, which are none for the CPU; of all else constraints-lowest.txt names every one
$(LOWEST)/.ready: pyproject.toml constraints-lowest.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info >= (3, 13))' || { echo "Say make PYTHON=python3.11 lowest"; exit 1; }
	$(PYTHON) -m venv $(LOWEST)
	$(LOWEST)/bin/python -m pip install --quiet --no-compile --constraint constraints-lowest.txt torch
	$(LOWEST)/bin/python -m pip install --quiet --no-compile --no-deps --requirement constraints-lowest.txt
	$(LOWEST)/bin/python -m pip install --quiet --no-deps --editable .
	$(LOWEST)/bin/python -m pip check
	@touch $@

# only for the site: tests and studies do not need it
$(VENV)/.docs: $(VENV)/.ready
	$(PIP) --editable '.[docs]'
	@touch $@
