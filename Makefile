# make demo            start CHRONOS, run the demo workflow, stay up until Ctrl-C
# make demo ONCE=1     the same, but end after the run, with its exit status
# make test            unit and end-to-end tests; more with servers: CHRONOS_TEST_SERVERS=yes (see tests/needs.py)
# make ui              build the web interface (ui_views/dist); make demo does it by itself where it can
# make test-ui         tests of the web interface: types, style, units, and a real Chromium
# make screenshots     take the pictures of the web interface in docs/images anew
# make lint            style, types, import rules
# make bench           benchmarks; results in benches/results/
# make bench-store SIZE=1e6  the store with so many runs, on a PostgreSQL of its own or CHRONOS_BENCH_DATABASE
# make drill           200 random kills while steps run on targets; ends with what was lost and doubled
# make drill-store     20 kills of PostgreSQL while runs are recorded; ends with what was lost and doubled
# make same-everywhere  the demo and a scatter on each target; their checksums go into docs/targets.md
# make conformance     the CWL v1.2 conformance suite, where it lies beside the checkout
# make lock            write the lock files anew from pyproject.toml
# make clean           remove what the other commands made

.PHONY: help demo test ui test-ui screenshots lint bench bench-store drill drill-store same-everywhere conformance lock clean
.DEFAULT_GOAL := help

VENV ?= .venv
PYTHON_IN_VENV = $(VENV)/bin/python
# Processes that tests run in; 0: in one, which lets go through them with --pdb.
PYTEST_JOBS ?= 2
export CHRONOS_VENV := $(VENV)

help:
	@sed -n 's/^# //p' Makefile

demo:
	@deploy/bootstrap.sh base
	@deploy/ui.sh --optional
	@ONCE="$(ONCE)" exec $(PYTHON_IN_VENV) -m deploy.demo.main

test:
	@deploy/bootstrap.sh dev
	@PATH="$(abspath $(VENV))/bin:$$PATH" $(PYTHON_IN_VENV) -m pytest $(if $(filter-out 0,$(PYTEST_JOBS)),-n $(PYTEST_JOBS) --dist loadgroup) $(PYTEST_ARGS)

ui:
	@deploy/bootstrap.sh base
	@deploy/ui.sh

test-ui:
	@deploy/bootstrap.sh dev
	@deploy/ui.sh
	@cd ui_views && PATH="$(abspath $(VENV))/bin:$$PATH" npm run --silent check
	@CHRONOS_TEST_SERVERS=yes PATH="$(abspath $(VENV))/bin:$$PATH" $(PYTHON_IN_VENV) -m pytest -m browser $(PYTEST_ARGS)

screenshots:
	@deploy/bootstrap.sh dev
	@deploy/ui.sh
	@PATH="$(abspath $(VENV))/bin:$$PATH" $(PYTHON_IN_VENV) -m tests.browser.pictures

lint:
	@deploy/bootstrap.sh dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/mypy -p deploy.demo
	$(VENV)/bin/lint-imports

bench:
	@deploy/bootstrap.sh dev
	@PATH="$(abspath $(VENV))/bin:$$PATH" $(PYTHON_IN_VENV) -m benches.run $(BENCH_ARGS)

bench-store:
	@deploy/bootstrap.sh dev
	@PATH="$(abspath $(VENV))/bin:$$PATH" $(PYTHON_IN_VENV) -m benches.bench_store $(or $(SIZE),100000)

drill:
	@deploy/bootstrap.sh dev
	@PATH="$(abspath $(VENV))/bin:$$PATH" $(PYTHON_IN_VENV) -m benches.drill $(DRILL_ARGS)

drill-store:
	@deploy/bootstrap.sh dev
	@PATH="$(abspath $(VENV))/bin:$$PATH" $(PYTHON_IN_VENV) -m benches.drill_store $(or $(RESTARTS),20)

same-everywhere:
	@deploy/bootstrap.sh dev
	@PATH="$(abspath $(VENV))/bin:$$PATH" $(PYTHON_IN_VENV) -m benches.same_everywhere --write $(SAME_ARGS)

conformance:
	@deploy/bootstrap.sh dev
	@PATH="$(abspath $(VENV))/bin:$$PATH" $(PYTHON_IN_VENV) tests/conformance/run.py \
		--in-process chronos_plugin.cli.runner:main --warm chronos_plugin.cwl.library:prepare \
		--check $(CONFORMANCE_ARGS) -- --quiet

lock:
	@deploy/bootstrap.sh dev
	deploy/lock.sh --upgrade

clean:
	rm -rf $(VENV) .chronos build dist ./*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis ui_views/dist ui_views/node_modules
