# Everything runs in .venv, which is made once, and again when pyproject.toml or constraints.txt changes.
PYTHON ?= $(shell command -v python3.11 || command -v python3 || command -v python)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# What is about the package alone, and not about pinned versions, style or notebooks.
UNIT_TESTS = $(filter-out $(patsubst %,tests/test_%.py,project style notebooks student grade pages book live_page robustness), \
  $(wildcard tests/test_*.py))

.DEFAULT_GOAL := help
.PHONY: help setup run test lab student grade lint bench coverage mutants evidence oldest newest notebooks clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY)  ## build .venv with the tested versions of everything

run: $(READY)  ## execute the notebooks, side by side; a book of pages, and GIFs, go to build/
	$(BIN)/python tools/run_notebooks.py

test: $(READY)  ## style, types, unit tests, and every notebook against its stored outputs
	$(BIN)/python -m pytest

lab: $(READY)  ## open the notebooks in JupyterLab
	$(BIN)/jupyter lab notebooks

student: $(READY)  ## a folder to hand out, build/student/: notebooks without solutions, the package, instructions
	$(BIN)/python tools/student_edition.py

grade: $(READY)  ## judge the notebooks that students handed in: make grade SUBMISSIONS=folder
	$(if $(SUBMISSIONS),,$(error name the folder with the notebooks: make grade SUBMISSIONS=folder))
	$(BIN)/python tools/grade.py "$(SUBMISSIONS)"

lint: $(READY)  ## style and types only
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(READY)  ## speed, side by side, as ratios (about half an hour)
	$(BIN)/python tools/evidence/bench_training.py
	$(BIN)/python tools/evidence/bench_product.py

coverage: $(READY)  ## which lines and branches of the package the unit tests run; at least 95%
	mkdir -p build
	$(BIN)/python -m coverage run -m pytest -o addopts= $(UNIT_TESTS)
	$(BIN)/python -m coverage report

mutants: $(READY)  ## do the unit tests notice small changes of the package? at least 95% (hours)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[mutants]'
	mkdir -p build
	OMP_NUM_THREADS=1 $(BIN)/python -m mutmut run --max-children 2 > build/mutants.log
	$(BIN)/python tools/evidence/mutants.py

evidence: $(READY)  ## every claim over ten seeds, and broken on purpose (hours; goes on where it stopped)
	$(BIN)/python tools/evidence/evidence.py
	$(BIN)/python tools/evidence/fair_comparison.py
	$(BIN)/python tools/evidence/recipes.py

oldest:  ## unit tests with the oldest versions that pyproject.toml admits, in build/oldest
	$(PYTHON) -m venv --clear build/oldest
	$(PYTHON) tools/evidence/oldest_versions.py > build/oldest/constraints.txt
	build/oldest/bin/python -m pip install --quiet -c build/oldest/constraints.txt -e '.[test]'
	build/oldest/bin/python -m pytest -o addopts= -W default $(UNIT_TESTS)

newest: $(READY)  ## the same with the newest versions, on every Python at hand from 3.11 on
	$(BIN)/python tools/evidence/newest.py $(UNIT_TESTS)

notebooks: $(READY)  ## for maintainers: re-run the notebooks and store the new outputs in place
	$(BIN)/python tools/run_notebooks.py --in-place

clean:  ## remove everything that was built, .venv too
	rm -rf $(VENV) build mutants .pytest_cache .ruff_cache .mypy_cache .hypothesis *.egg-info

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; name one with: make PYTHON=/path/to/python3.11"; exit 1; }
	@echo 'installing into .venv: about 6 GB, some minutes'
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	@touch $@
