# `make demo` and `make test` do all set-up themselves, in .venv, with plain venv and pip.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
TOOLS := .tools
LOCK := supply/requirements.lock
EXTRAS := cpu heic speech
COMPILE := $(TOOLS)/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 \
  --generate-hashes --no-annotate --no-header

export OMP_NUM_THREADS ?= 2
export TOKENIZERS_PARALLELISM := false

.PHONY: demo test lint types layers tests usual-faults faults bench anchors lock licences audit sbom clean

# From the lock where that was tried; elsewhere the newest that pyproject.toml allows, and it says so.
$(READY): pyproject.toml $(LOCK) supply/laion.lock
	@echo "Setting up $(VENV); torch is large, so the first time takes a minute or more."
	@$(PYTHON) -m venv $(VENV)
	@if $(BIN)/python supply/covered.py; then \
	  $(BIN)/python -m pip install -qq --require-hashes -r $(LOCK) && \
	  $(BIN)/python -m pip install -qq --require-hashes --no-deps -r supply/laion.lock && \
	  $(BIN)/python -m pip install -qq --no-deps --no-build-isolation --editable .; \
	else \
	  $(BIN)/python -m pip install -qq --upgrade "pip>=25.1" && \
	  $(BIN)/python -m pip install -qq --editable ".[cpu,heic,speech]" --group dev && \
	  $(BIN)/python -m pip install -qq --no-deps --group laion-code; \
	fi
	@touch $(READY)

# uv and pip-audit, beside what they would look at.
$(TOOLS)/.ready: supply/tools.lock
	@$(PYTHON) -m venv $(TOOLS)
	@$(TOOLS)/bin/python -m pip install -qq --require-hashes -r supply/tools.lock
	@touch $(TOOLS)/.ready

demo: $(READY)  ## index data/sample and run five telling searches
	@$(BIN)/python data/demo.py

test: lint types layers tests usual-faults  ## everything that CI checks

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(READY)
	$(BIN)/mypy

layers: $(READY)
	$(BIN)/lint-imports

tests: $(READY)
	HYPOTHESIS_PROFILE=ci $(BIN)/python -m pytest -n 2 --dist loadfile --ignore tests/faults/test_faults.py

usual-faults: $(READY)  ## kills, lost power, failing disks, damage, in the sizes of every push: minutes
	$(BIN)/python -m tests.faults.all

faults: $(READY)  ## the same in the sizes of a release: hours
	$(BIN)/python -m tests.faults.all milestone

bench: $(READY)  ## figures, printed and never asserted
	$(BIN)/python -m tests.bench.all

anchors: $(READY)  ## published figures, where weights and data are here; says what is not run
	@$(BIN)/python -m tests.anchors

lock: $(TOOLS)/.ready  ## the newest versions that pyproject.toml allows, with their hashes
	$(COMPILE) pyproject.toml $(EXTRAS:%=--extra %) --group dev --output-file $(LOCK)
	$(COMPILE) --no-deps --group laion-code --output-file supply/laion.lock
	$(COMPILE) --group tools --output-file supply/tools.lock

licences: $(READY)  ## THIRD_PARTY.md: whose work this is built on
	$(BIN)/python -m supply.licences > THIRD_PARTY.md

audit: $(TOOLS)/.ready $(READY)  ## published advisories against the lock; says so where it cannot ask
	@$(BIN)/python -m supply.audit $(TOOLS)/bin/pip-audit

sbom: $(READY)  ## dist/sbom.json: packages and models in CycloneDX
	@$(BIN)/python -m supply.sbom dist/sbom.json

clean:
	rm -rf $(VENV) $(TOOLS) .demo
