# `make demo` and `make test` need Python 3.11+, pip and make; everything else goes into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
ARGS ?=
SETS ?=
ROOM ?= client
# A file of tests stays on one worker, since its tests share what they started; those that take longest begin.
PYTEST := $(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder
# Each worker, and each of the thousands of programs that tests start, would compile everything anew.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo notebooks picture docs test test-hosted check quick lint format mutants bench clean

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -c "import sys; sys.exit('iexec-lab needs Python 3.11 or newer; try make PYTHON=python3.12') if sys.version_info < (3, 11) else None"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable ".[sandbox,plot,analytics,explore]" --group demo --group docs --group test --group lint
	touch $@

demo: $(VENV)/.installed
	$(BIN)/python examples/run.py examples/quickstart.ipynb --output build

# The notebooks of examples/ anew, with their outputs.
notebooks: $(VENV)/.installed
	for each in examples/*.ipynb; do $(BIN)/python examples/run.py $$each --output build --save || exit 1; done

# The picture of the README: a real JupyterLab in Chromium.
picture: $(VENV)/.installed
	$(BIN)/python docs/pictures/make.py

# The site, in build/site; a link to nothing is an error.
docs: $(VENV)/.installed
	$(BIN)/python docs/site.py

# All tests, on all cores; some of them with make test ARGS="-k name".
test: $(VENV)/.installed
	$(PYTEST) $(ARGS)

# Do we install beside what hosted notebooks have, and run on the oldest of them? SETS="colab --short" is for that one, in a minute or two.
test-hosted:
	$(PYTHON) tests/hosted/run.py $(SETS)

# While you work: the linters, and the tests that start no sandbox and take no seconds.
check: $(VENV)/.installed
	$(MAKE) --no-print-directory --jobs=2 lint quick

quick: $(VENV)/.installed
	$(PYTEST) -q --hypothesis-profile=quick -m "not sandbox and not slow" --ignore=tests/interop --ignore=tests/browser $(ARGS)

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python

format: $(VENV)/.installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Which small changes of a room no test notices: make mutants ROOM=client ARGS="--count 100 --seed 7".
mutants: $(VENV)/.installed
	$(BIN)/python tests/mutants.py $(ROOM) $(ARGS)

bench: $(VENV)/.installed
	for bench in benchmarks/bench_*.py; do $(BIN)/python $$bench || exit 1; done

clean:
	rm -rf build dist $(VENV) .venv-hosted
