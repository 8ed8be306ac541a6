# `make help` lists what there is. Everything works from any folder: make -C path/to/clone run
.DEFAULT_GOAL := help
# The first Python there is; tools/bootstrap.py looks for a better one where its version does not fit.
PYTHON ?= $(firstword $(shell command -v python3 python3.13 python3.12 python3.11) python3-is-not-installed)
NO_PYTHON = There is no Python called $(PYTHON): install Python 3.11, 3.12 or 3.13, or name one as in make run PYTHON=/path/to/python3.12.
BOOTSTRAP = command -v $(PYTHON) >/dev/null 2>&1 || { echo "$(NO_PYTHON)" >&2; exit 1; }; exec $(PYTHON) tools/bootstrap.py
DEV = $(BOOTSTRAP) dev --
DESK = $(BOOTSTRAP) run -- -m trenddojo.desk
# What needs FILE says so itself, before anything is installed.
WITH_FILE = test -n "$(FILE)" || { echo "Say which file: make $@ FILE=desk.backup" >&2; exit 1; }
export PORT WEB_CONCURRENCY WORKER_CONCURRENCY CHROMIUM CI

.PHONY: help run test check bench load scale chaos fmt setup requirements vendor screenshots backup restore fuzz clean

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Start the desk at http://127.0.0.1:8000/ (PORT=8001 for another port); Ctrl-C stops it
	@$(BOOTSTRAP) run

setup: ## Make .venv with everything for development, and start nothing
	@$(BOOTSTRAP) dev

test: ## Run every test, browser tests in Chromium included (CHROMIUM=/path/to/chromium to choose one)
	@$(DEV) -m tools.test

check: ## Formatting, lint, security, types, import contracts, migrations, deployment, docs and covered tests
	@$(DEV) -m tools.check

load: ## Put a whole desk to work for minutes and to more than it can do, and write docs/load.md (SECONDS=60 for less)
	@$(DEV) -m benchmarks.load

scale: ## Measure what a connection costs, play the schedule for a million of them (40 shards), and write docs/scale.md
	@$(DEV) -m benchmarks.scale

bench: ## Measure the pages and the import, and write docs/benchmarks.md
	@$(DEV) -m benchmarks

chaos: ## Kill, drop and confuse the whole desk while traders work, and see that nothing is lost (SECONDS=120 SEED=7 REPORT=1)
	@$(DEV) -m tests.fault --seconds $(or $(SECONDS),120) $(if $(SEED),--seed $(SEED)) $(if $(REPORT),--report)

fmt: ## Format the code and put right what can be put right mechanically
	@$(DEV) -m ruff format .
	@$(DEV) -m ruff check --fix-only .

requirements: ## Pin the newest allowed packages in requirements.txt and requirements-dev.txt
	@$(DEV) -m tools.requirements

vendor: ## Fetch the front-end libraries again into static/vendor
	@$(DEV) tools/vendor.py

screenshots: ## Take the pictures of the README again, from the demo trader's desk
	@$(DEV) -m tools.screenshots

backup: ## Write the whole desk into one new file, while it runs or not: make backup FILE=desk.backup
	@$(WITH_FILE); $(DESK) backup "$(FILE)"

restore: ## Bring a stopped desk back from a backup: make restore FILE=desk.backup (REPLACE=1 to lose what is there)
	@$(WITH_FILE); $(DESK) restore "$(FILE)" $(if $(REPLACE),--replace)

fuzz: ## Draw new examples of strange input until the time is over: make fuzz SECONDS=600
	@$(DEV) -m tools.fuzz $(or $(SECONDS),600)

clean: ## Remove what can be made again; never .env, never var/
	rm -rf .venv staticfiles htmlcov test-results .coverage .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache .bootstrap.lock
