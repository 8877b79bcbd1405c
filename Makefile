.DEFAULT_GOAL := help
.PHONY: help setup bench tune report test test-fast lint ui speed chaos fuzz gpu-check validation clean

STUDY   ?= quick
METHODS ?=
METHODS_DIR ?=
DATASETS ?=
DATASETS_DIR ?=
ARCHITECTURES_DIR ?=
SEEDS   ?=
VARY    ?=
DECIDE  ?=
DEVICE  ?= auto
JOBS    ?=
SLOTS   ?= 1
BACKEND ?= threads
SCHEDULER ?=
RESULTS ?= results
TRIALS  ?= 20
TRACKING ?= yes
PYTHON  ?= python3

KNOWN := STUDY METHODS METHODS_DIR DATASETS DATASETS_DIR ARCHITECTURES_DIR SEEDS VARY DECIDE DEVICE \
         JOBS SLOTS BACKEND SCHEDULER RESULTS TRIALS TRACKING PYTHON
# a misspelt STUDY would start the whole of another study
TYPED := $(foreach name,$(.VARIABLES),$(if $(findstring command,$(origin $(name))),$(name)))
ODD   := $(filter-out $(KNOWN) SHELL MAKE% -%,$(TYPED))
$(if $(ODD),$(error there is no variable $(ODD); there are: $(KNOWN)))

STAMP := .venv/.installed
BENCH := .venv/bin/bench
PICK  := '$(STUDY)' --results '$(RESULTS)' $(if $(METHODS),--methods '$(METHODS)') \
         $(if $(METHODS_DIR),--methods-dir '$(METHODS_DIR)') \
         $(if $(DATASETS_DIR),--datasets-dir '$(DATASETS_DIR)') \
         $(if $(ARCHITECTURES_DIR),--architectures-dir '$(ARCHITECTURES_DIR)') \
         $(if $(DATASETS),--datasets '$(DATASETS)') $(if $(SEEDS),--seeds '$(SEEDS)')
PLACE := --device '$(DEVICE)' --slots-per-device '$(SLOTS)' $(if $(JOBS),--jobs '$(JOBS)') \
         $(if $(filter no,$(TRACKING)),--no-tracking) \
         --backend '$(BACKEND)' $(if $(SCHEDULER),--scheduler '$(SCHEDULER)')
ONLY  := $(if $(VARY),--vary '$(VARY)') $(if $(DECIDE),--decide)

help: ## show this list
	@echo 'make TARGET [STUDY=quick METHODS= METHODS_DIR= DATASETS= DATASETS_DIR= ARCHITECTURES_DIR= SEEDS= VARY= DECIDE= DEVICE=auto JOBS= SLOTS=1 BACKEND=threads SCHEDULER= RESULTS=results TRIALS=20 TRACKING=yes]'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## make the virtual environment and install everything, once

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo 'Python 3.11 or newer is needed; name one with: make PYTHON=python3.11'; exit 2; }
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $(STAMP)

bench: $(STAMP) ## train what is missing of a study and write its report
	@$(BENCH) run $(PICK) $(ONLY) $(PLACE)

tune: $(STAMP) ## give every method TRIALS trials, then run the best of each on fresh seeds
	@$(BENCH) tune $(PICK) --trials '$(TRIALS)' $(PLACE)

report: $(STAMP) ## write the report of what is stored, without training
	@$(BENCH) report $(PICK) $(ONLY)

test: $(STAMP) ## run the whole test suite
	.venv/bin/python -m pytest -n auto --dist worksteal

test-fast: $(STAMP) ## run the tests that take no more than a few seconds
	.venv/bin/python -m pytest -n auto -m 'not slow'

lint: $(STAMP) ## ruff and mypy
	.venv/bin/ruff check bench methods tests
	.venv/bin/ruff format --check bench methods tests
	.venv/bin/mypy

ui: $(STAMP) ## open MLflow's interface on loopback
	@$(BENCH) ui --results '$(RESULTS)'

speed: $(STAMP) ## measure what docs/performance.md quotes
	.venv/bin/python -m tests.baselines.speed

chaos: $(STAMP) ## kill runs at random moments and damage what they wrote; nothing may be lost
	.venv/bin/python -m tests.chaos

fuzz: $(STAMP) ## try a thousand random command lines, study files and environments
	.venv/bin/python -m tests.fuzz --examples 1000

gpu-check: ## on a machine with a GPU: what only a GPU can show, in under nine minutes
	$(if $(wildcard .venv/bin/python),.venv/bin/python,$(PYTHON)) -m tests.baselines.gpu_check

validation: $(STAMP) ## known results, run again: train, then write docs/validation.md
	for study in dirac mixtures stacked; do \
	  $(BENCH) run validation_$$study --results '$(RESULTS)' --device '$(DEVICE)' || exit; done
	.venv/bin/python -m tests.baselines.validation --results '$(RESULTS)'

clean: ## remove the virtual environment and caches; results stay
	rm -rf .venv build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
