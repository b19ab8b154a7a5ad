# `make demo` and `make test` do all set-up themselves, in .venv, with plain venv and pip.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

export OMP_NUM_THREADS ?= 2
export TOKENIZERS_PARALLELISM := false

.PHONY: demo test lint types layers tests faults bench anchors clean

$(READY): pyproject.toml
	@echo "Setting up $(VENV); torch is large, so the first time takes a minute or more."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -qq --upgrade "pip>=25.1"
	@$(BIN)/python -m pip install -qq --editable ".[cpu,heic,speech]" --group dev
	@# Its model code alone, beside numpy 2: what the extra `laion` brings besides is not needed to test it.
	@$(BIN)/python -m pip install -qq --no-deps "laion-clap==1.1.7" "torchlibrosa==0.1.0"
	@touch $(READY)

demo: $(READY)  ## index data/sample and run five telling searches
	@$(BIN)/python data/demo.py

test: lint types layers tests  ## everything that CI checks

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(READY)
	$(BIN)/mypy

layers: $(READY)
	$(BIN)/lint-imports

tests: $(READY)
	HYPOTHESIS_PROFILE=ci $(BIN)/python -m pytest -n 2 --dist loadfile

faults: $(READY)  ## kills, lost power, failing disks, damage, in the sizes of a release: hours
	$(BIN)/python -m tests.faults.all milestone

bench: $(READY)  ## figures, printed and never asserted
	$(BIN)/python -m tests.bench.all

anchors: $(READY)  ## published figures, where weights and data are here; says what is not run
	@$(BIN)/python -m tests.anchors

clean:
	rm -rf $(VENV) .demo
