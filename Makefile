# Everything a developer or a CI machine runs. Needs make and python3.11 or newer (found by itself, or PYTHON=...);
# every target sets up what it needs in .venv first.

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?=

.DEFAULT_GOAL := help
SECONDS ?= 60
.PHONY: moves nightly fuzz help demo check format test test-all-pythons test-slow mutation differential matrix chaos rolling simulate simulate-nightly bench bench-peers soak clean oracle go-oracle

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1	\2/p' $(MAKEFILE_LIST) | expand -t 24

demo: $(VENV)/.run  ## compile the examples, run them, SIGKILL them in the middle, and see them go on
	@$(BIN)/python tools/demo.py

check: $(VENV)/.dev  ## lint, formatting and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.dev  ## rewrite what lint and formatting can rewrite
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

test: $(VENV)/.dev  ## all tests but the slow ones
	$(BIN)/pytest -m "not slow"

test-all-pythons:  ## the same, on each Python from 3.11 on that is found, in .venv-3.x
	@sh tools/test_all_pythons.sh

test-slow: $(VENV)/.dev  ## the tests that take minutes
	$(BIN)/pytest -m slow

mutation: $(VENV)/.dev  ## put faults into the compiler, one at a time, and see that tests find each: NAME=words JOBS=n
	@$(BIN)/python tests/compile/mutation.py $(NAME)

differential: $(VENV)/.dev  ## random programs as written, and saved at every suspension: SEED=first COUNT=n ARGS=--new-processes; prints the smallest that differs
	@$(BIN)/python tests/compile/differential.py $(if $(SEED),--seed $(SEED)) $(if $(COUNT),--count $(COUNT)) $(ARGS)

matrix: $(VENV)/.dev  ## every way of leaving every part of a statement, nested: EVERY=n for one in n, DEEPER=n for n of three levels
	@$(BIN)/python tests/compile/jump_matrix.py $(if $(EVERY),--every $(EVERY)) $(if $(DEEPER),--deeper $(DEEPER)) $(ARGS)

moves: $(VENV)/.dev  ## edit programs, and let what was parked under the old ones go on under the new: SEED=first COUNT=n
	@$(BIN)/python tests/compile/moved_programs.py $(if $(SEED),--seed $(SEED)) $(if $(COUNT),--count $(COUNT))
	@$(BIN)/python tests/compile/migrated_programs.py $(if $(SEED),--seed $(SEED)) $(if $(COUNT),--count $(COUNT))

oracle: $(VENV)/.dev  ## compile CPython's own tests and compare how they end: ARGS="--modules test_patma --modes operands"
	$(BIN)/python tests/oracle/oracle_report.py $(ARGS)

go-oracle: $(VENV)/.dev  ## concurrent programs in Go and in ours, both against all that Go's rules allow: SEED=first COUNT=n
	@command -v go >/dev/null || { apt-get update -qq && apt-get install -y -qq --no-install-recommends golang-go >/dev/null; }
	@$(BIN)/python tests/go/go_oracle.py $(if $(SEED),--seed $(SEED)) $(if $(COUNT),--count $(COUNT))

chaos: $(VENV)/.run  ## kill, pause and drain runtime and workers under load, and count: SEED=n DURATION=seconds KILLS=n
	$(BIN)/python -m chaos $(if $(SEED),--seed $(SEED)) $(if $(DURATION),--duration $(DURATION)) $(if $(KILLS),--kills $(KILLS))

rolling: $(VENV)/.run  ## deploy three versions of a process and roll one back, under load and with kills: SEED=n
	$(BIN)/python -m chaos.rolling $(if $(SEED),--seed $(SEED))

simulate: $(VENV)/.run  ## the runtime under simulated time, disk and network: SEED=n COUNT=n
	$(BIN)/python -m simulation $(if $(SEED),--seed $(SEED)) $(if $(COUNT),--count $(COUNT))

simulate-nightly: $(VENV)/.run  ## 100,000 seeds, one job per core, telling how far it is: SEED=first COUNT=n
	$(BIN)/python -m simulation --jobs 0 --keep-going --seed $(or $(SEED),0) --count $(or $(COUNT),100000)

bench: $(VENV)/.run  ## measure this machine; ARGS="--help" tells what can be chosen
	$(BIN)/python -m bench $(ARGS)

bench-peers: $(VENV)/.run  ## other systems by the same workloads, in environments of their own (.venv-peers): ARGS="--peer DBOS"
	$(BIN)/python -m bench peers $(ARGS)

soak: $(VENV)/.run  ## half the peak rate for long, and fail if memory, latency, log or store grow: MINUTES=30
	$(BIN)/python -m bench soak $(if $(MINUTES),--minutes $(MINUTES)) $(ARGS)

nightly: test-slow  ## test-slow, and all that takes hours: 10,000 random programs in new processes, 100,000 simulated runs
	@$(BIN)/python tests/compile/differential.py --count 10000 --all --new-processes
	$(BIN)/python -m simulation --jobs 0 --keep-going --count 100000

fuzz: $(VENV)/.dev  ## read damaged documents for a while, led by coverage: SECONDS=n
	@$(BIN)/python -c 'import atheris' 2>/dev/null || $(BIN)/python -m pip install -qq --disable-pip-version-check --root-user-action=ignore atheris
	$(BIN)/python tools/fuzz_codec.py -max_total_time=$(SECONDS)

clean:  ## remove what the other targets made
	rm -rf $(VENV) $(VENV)-3.* $(VENV)-peers build dist .demo .mypy_cache .ruff_cache .pytest_cache .hypothesis

# The stamps say what .venv holds: .run is enough to run slct, .dev adds what tests and checks need.
$(VENV)/.run: pyproject.toml tools/venv.sh
	@PYTHON="$(PYTHON)" sh tools/venv.sh $(VENV) .
	@touch $@

$(VENV)/.dev: pyproject.toml tools/venv.sh
	@PYTHON="$(PYTHON)" sh tools/venv.sh $(VENV) '.[test,dev]'
	@touch $@ $(VENV)/.run
