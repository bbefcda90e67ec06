# Two commands matter: `make run` and `make test`. They need Python 3.11 or later and this make, nothing else.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
# What was installed last, kept inside .venv so that removing it removes them. Made again only when their files change.
RUN_READY := .venv/.run-ready
DEV_READY := .venv/.dev-ready
OUTSIDE_READY := tests/outside/node_modules/.package-lock.json
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
LOCK := $(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-emit-index-url --no-emit-find-links --no-header

.DEFAULT_GOAL := help
.PHONY: help setup run test check check-lint check-format check-types check-sdl check-arrows breaking fmt sdl bench soak lock graphiql clean

help: ## What can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

setup: $(RUN_READY) ## Make .venv with what the service needs

run: $(RUN_READY) ## Serve on 127.0.0.1:8000 over headwater.db, with the demo if that is empty (HEADWATER_DEMO=0 leaves it out)
	@HEADWATER_DEMO=$${HEADWATER_DEMO:-1} $(BIN)/headwater serve

test: $(DEV_READY) ## Run every test this machine has the tools for
	@$(BIN)/python -m pytest $(ARGS)

check: check-lint check-format check-types check-sdl check-arrows ## Lint, formatting, types, the printed schema, who imports whom
check-lint: $(DEV_READY)
	@$(BIN)/ruff check .
check-format: $(DEV_READY)
	@$(BIN)/ruff format --check .
check-types: $(DEV_READY)
	@$(BIN)/mypy
check-sdl: $(DEV_READY)
	@$(BIN)/headwater schema | diff -u schema/schema.graphql - || { echo "schema.graphql is not what is served: make sdl"; exit 1; }
check-arrows: $(DEV_READY)
	@$(BIN)/python -m pytest -q tests/test_architecture.py

breaking: $(OUTSIDE_READY) ## What schema.graphql changes for clients since a revision (SINCE=v0.1.0; the last tag unless told): needs Node
	@since=$${SINCE:-$$(git describe --tags --abbrev=0 2>/dev/null || git rev-parse HEAD)}; echo "since $$since:"; \
		git show $$since:schema/schema.graphql | node tests/outside/breaking.js /dev/stdin schema/schema.graphql

fmt: $(DEV_READY) ## Format the code and put imports in order
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format .

sdl: $(DEV_READY) ## Write schema/schema.graphql anew
	@$(BIN)/headwater schema > schema/.printed && mv schema/.printed schema/schema.graphql

bench: $(DEV_READY) ## Measure; takes minutes and wants a quiet machine
	@$(BIN)/python -m benchmarks $(ARGS)

soak: $(DEV_READY) ## New random cases, then a real service under load and killed: nothing may be lost (ARGS=--seconds=600)
	@HYPOTHESIS_PROFILE=soak $(BIN)/python -m pytest -q tests/ingest tests/schema tests/backends
	@$(BIN)/python -m tests.soak $(ARGS)

lock: $(DEV_READY) ## Pin requirements*.txt anew (ARGS=--upgrade for newer versions)
	@$(LOCK) $(ARGS) --build-deps-for editable --output-file requirements.txt pyproject.toml
	@$(LOCK) $(ARGS) --output-file requirements-otel.txt requirements-otel.in
	@$(LOCK) $(ARGS) --output-file requirements-dev.txt requirements-dev.in

graphiql: ui/graphiql/dist/index.html ## Build GraphiQL, the page at /graphql in a browser (needs Node 20.19 or later)

clean: ## Remove .venv and what tools left; never a store
	@rm -rf ui/graphiql/dist ui/graphiql/node_modules .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info tests/outside/node_modules

$(RUN_READY): requirements.txt pyproject.toml
	@"$(PYTHON)" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
		|| { echo "Python 3.11 or later with its venv module is needed (make setup PYTHON=/path/to/it)"; exit 1; }
	@echo "Making .venv from requirements.txt ..."
	@"$(PYTHON)" -m venv .venv
	@$(PIP) --require-hashes --requirement requirements.txt
	@# The project itself, linked: built by the pinned setuptools just installed, without looking for another.
	@$(PIP) --no-build-isolation --no-deps --editable .
	@touch $@

$(DEV_READY): $(RUN_READY) requirements-dev.txt
	@echo "Adding what tests and checks need from requirements-dev.txt ..."
	@$(PIP) --require-hashes --requirement requirements.txt --requirement requirements-dev.txt
	@touch $@

$(OUTSIDE_READY): tests/outside/package-lock.json
	@npm ci --prefix tests/outside --silent --no-audit --no-fund --ignore-scripts

GRAPHIQL := $(wildcard ui/graphiql/src/* ui/graphiql/questions/*) ui/graphiql/index.html ui/graphiql/vite.config.js
GRAPHIQL_READY := ui/graphiql/node_modules/.ready

ui/graphiql/dist/index.html: $(GRAPHIQL) $(GRAPHIQL_READY)
	@cd ui/graphiql && npm run --silent build
	@touch $@

$(GRAPHIQL_READY): ui/graphiql/package.json ui/graphiql/package-lock.json
	@command -v npm >/dev/null || { echo "Node 20.19 or later with npm is needed to build GraphiQL; the API does without"; exit 1; }
	@echo "Installing what GraphiQL is built from ..."
	@cd ui/graphiql && npm ci --silent --no-audit --no-fund --ignore-scripts
	@touch $@
