# Two commands: `make demo` maps a real pair of images, `make test` runs the tests. Each installs what it needs.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# Bytecode is compiled on first use; compiling everything ahead would take 100 MB more.
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --constraint constraints.txt

# Tests start hundreds of processes; without bytecode each would compile its packages again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test test-all test-browser check bench browser lock clean

help:
	@echo "make demo      map what is new since an earthquake on two real Sentinel-2 images, and a debris flow"
	@echo "               on one, and score the detector on patches it was not trained on"
	@echo "make test      run the tests (7 to 9 minutes on two cores)"
	@echo "make test-all  run the slow ones too"
	@echo "make check     ruff, import-linter and mypy"
	@echo "make browser   fetch what the page in examples/browser needs (npm)"
	@echo "make bench     speed and memory on a whole 10,980 x 10,980 px tile, and of the engines"

# The core: maps without PyTorch.
$(VENV)/core: pyproject.toml constraints.txt
	@echo "setting up $(VENV) (core)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(INSTALL) --editable .
	@$(BIN)/python benchmarks/installed_size.py
	@touch $@

# Everything: training, all engines, tests.
$(VENV)/all: $(VENV)/core
	@echo "setting up $(VENV) (training, all engines, tests): about 1.5 GB more"
	@$(INSTALL) --editable '.[train,edge,page,scenes,cluster,test]'
	@touch $@

demo: $(VENV)/core
	@echo
	@echo "1. Before and after: what is new since the Iburi-Tobu earthquake (Hokkaido, 6 September 2018), Sentinel-2"
	$(BIN)/landslip map examples/hokkaido/after.tif examples/hokkaido/slope.tif --before examples/hokkaido/before.tif \
		--min-slope 10 --name "Iburi-Tobu, Hokkaido: new since the earthquake of 6 September 2018" -o demo/hokkaido --overwrite
	@echo
	@echo "2. One image: the Mundakkai debris flow (Wayanad, India, 30 July 2024), Sentinel-2 Level-2A some months later"
	$(BIN)/landslip map examples/wayanad/wayanad.tif --to-toa --name "Mundakkai debris flow, Wayanad" -o demo/wayanad --overwrite
	@echo
	@echo "3. The default detector of one image on labelled patches it was not trained on (Landslide4Sense, other rows of its three scenes)"
	$(BIN)/landslip evaluate examples/l4s-rgb-kept-apart
	@echo
	@echo "The maps are in demo/hokkaido and demo/wayanad: overview.png, report.html, and landslides.gpkg for a GIS."
	@echo "next: $(BIN)/landslip map AFTER.tif --before BEFORE.tif -o map/     two dates of your own; or one:"
	@echo "      $(BIN)/landslip map YOUR_SCENE.tif -o map/"
	@echo "      $(BIN)/landslip detector show            its inputs, scores and limits"

# Two files of tests at a time, so that what the tests of a file share is made once; each computes with one thread.
test: $(VENV)/all
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 --dist loadfile

test-all: $(VENV)/all
	$(BIN)/python -m pytest -m "not gpu and not browser"

test-browser: $(VENV)/all
	$(BIN)/python -m pytest -m browser

check: $(VENV)/all
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/lint-imports --no-cache && $(BIN)/mypy

bench: $(VENV)/all
	$(BIN)/python benchmarks/engines.py
	$(BIN)/python benchmarks/whole_tile.py

# The static page that runs a detector in the browser: fetches two packages from npm and exports the detector.
browser: $(VENV)/core
	PATH="$(abspath $(BIN)):$$PATH" sh examples/browser/get.sh

# Rewrites the lock from what is installed in $(VENV).
lock: $(VENV)/all
	$(BIN)/python -m pip freeze --exclude-editable | sed 's/+cpu//' > constraints.txt

clean:
	rm -rf $(VENV) demo runs .pytest_cache .mypy_cache .ruff_cache .hypothesis
