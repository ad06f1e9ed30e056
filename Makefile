# Everything installs into .venv from the hash-pinned locks; a stamp file makes the second run quick.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The demo and the tests start many processes: what one has compiled the others need not.
unexport PYTHONDONTWRITEBYTECODE
RUN_STAMP := $(VENV)/.installed
DEV_STAMP := $(VENV)/.installed-dev

.DEFAULT_GOAL := help
.PHONY: help demo test check format bench bench-transfer bench-faults bench-intake bench-burst bench-backfill bench-scale screenshots chaos soak storm serve lock clean

help: ## what each target does
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(RUN_STAMP) ## the main job for real against the simulator; KEEP=1 leaves it running
	@$(BIN)/webex-ingest demo $(if $(KEEP),--keep)

test: $(DEV_STAMP) ## the whole test suite, with real servers started from wheels
	@$(BIN)/python -m pytest -q --numprocesses 4 --dist loadfile --no-loadscope-reorder

check: $(DEV_STAMP) ## format, lint, types, import contracts
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(DEV_STAMP) ## format and fix what can be fixed
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: ## the benchmarks below; BENCH_MIB, BENCH_ROUNDS and BENCH_DIR change them
	@$(MAKE) --no-print-directory --keep-going bench-transfer bench-faults bench-intake bench-burst bench-backfill

bench-transfer: $(DEV_STAMP) ## speed and memory of transfers against curl, wget and aria2c
	@$(BIN)/python -m benchmarks.transfer

bench-faults: $(DEV_STAMP) ## what ours, curl, wget and aria2c make of a media host that fails
	@$(BIN)/python -m benchmarks.faults

bench-intake: $(DEV_STAMP) ## durable webhook intake against a handler that does nothing
	@$(BIN)/python -m benchmarks.intake

bench-burst: $(DEV_STAMP) ## how fast 100,000 events are worked through; BENCH_EVENTS changes it
	@$(BIN)/python -m benchmarks.burst 2>/dev/null

bench-backfill: $(DEV_STAMP) ## requests to wait for 1,000 meetings and to find them; BENCH_MEETINGS
	@$(BIN)/python -m benchmarks.backfill 2>/dev/null

bench-scale: $(DEV_STAMP) ## whether years of meetings make anything slower; takes half an hour, BENCH_SIZES, BENCH_ASKS
	@$(BIN)/python -m benchmarks.scale

chaos: $(DEV_STAMP) ## strike a running installation at random; CHAOS_SECONDS, DATABASE, SEED change it
	@$(BIN)/python -m chaos --seconds $(or $(CHAOS_SECONDS),120) --database $(or $(DATABASE),sqlite) $(if $(SEED),--seed $(SEED))

storm: $(DEV_STAMP) ## twenty meetings while Webex refuses each third request; takes minutes
	@STORM_MEETINGS=20 $(BIN)/python -m pytest -q tests/e2e/test_storm.py

soak: $(DEV_STAMP) ## half an hour at a steady rate, and nothing grows; SOAK_SECONDS, DATABASE
	@$(BIN)/python -m chaos.soak --seconds $(or $(SOAK_SECONDS),1800) --database $(or $(DATABASE),sqlite) $(if $(MEETING_EVERY),--meeting-every $(MEETING_EVERY))

serve: $(RUN_STAMP) ## everything on one machine; settings from .env
	@$(BIN)/webex-ingest serve

screenshots: $(DEV_STAMP) ## the pictures of the README anew, in docs/images (needs Chromium)
	@$(BIN)/python -m tests.browser.screenshots docs/images

lock: ## the lock files anew from pyproject.toml (needs uv)
	uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -q -o requirements.lock
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -q -o requirements-dev.lock

clean: ## remove the virtual environment and caches (never var/)
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis build *.egg-info

$(VENV)/bin/python:
	@$(PYTHON) -m venv $(VENV)

$(RUN_STAMP): $(VENV)/bin/python requirements.lock pyproject.toml
	@echo "Installing webex-ingest into $(VENV) (once; takes a minute) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(DEV_STAMP): $(RUN_STAMP) requirements-dev.lock
	@echo "Installing the test tools into $(VENV) (once) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@
