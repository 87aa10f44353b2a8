# Muster: `make up` runs it, `make test` proves it. `make help` lists the rest.
PYTHON ?= python3
BIN := .venv/bin
export PYTHONDONTWRITEBYTECODE ?= 1
.DEFAULT_GOAL := help
.PHONY: help up setup setup-dev servers assets check test soak bench screenshots lock clean

help: ## what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 24

up: setup ## collector, UI, agent and discovery of this host on http://127.0.0.1:8420
	@exec $(BIN)/muster up

setup:
	@$(PYTHON) scripts/setup.py run

setup-dev:
	@$(PYTHON) scripts/setup.py dev

servers: setup-dev
	@$(BIN)/python scripts/servers.py

check: setup-dev ## format, lint, types, import directions
	@$(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/mypy && $(BIN)/lint-imports

test: servers check ## everything: check, unit, property, real servers, browser, whole story
	@$(BIN)/python -m pytest -n 2 --dist loadgroup $(ARGS)

soak: servers ## hundreds of kills and long fuzzing; writes docs/measured/soak.md
	@$(BIN)/python scripts/soak.py

bench: servers ## tables beside the peers, in one run
	@$(BIN)/python -m bench

screenshots: servers ## pictures of each page, both languages, light and dark, into docs/img
	@$(BIN)/python scripts/screenshots.py

lock: setup-dev ## resolve the dependencies anew, with hashes
	@$(BIN)/python scripts/lock.py

clean: ## remove what was built; leaves ./var alone
	rm -rf .venv node_modules collector/web/static/vendor .pytest_cache .mypy_cache .ruff_cache .hypothesis
