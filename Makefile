# Two commands do everything on a machine with only Python: `make demo` and `make test`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test test-bf16 faults check format lint types bench

demo: $(VENV)/installed
	$(BIN)/lunette train vae --data mnist-mini --epochs 40 --pictures 20

test: $(VENV)/installed-dev
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2

# The same on a processor with bfloat16 products, or as if it had them.
test-bf16: $(VENV)/installed-dev
	LUNETTE_EMULATE_BF16=1 OMP_NUM_THREADS=1 $(BIN)/pytest -n 2

# What is killed, damaged or without room on the disk ends well, or says in words what is wrong: some minutes of it.
faults: $(VENV)/installed-dev
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/faults.py kills=20 disk=20 runs=160 images=300 archives=200

check: format lint types test

format: $(VENV)/installed-dev
	$(BIN)/ruff format --check .

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .

types: $(VENV)/installed-dev
	$(BIN)/mypy

bench: $(VENV)/installed-dev
	for script in start epoch quality precision use scale keras_conv tutorials fit_prior edit anomalies replication generation threads faults; do $(BIN)/python benchmarks/$$script.py; done

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable .
	touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[dev]"
	touch $@
