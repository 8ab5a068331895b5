# Two commands do everything, set-up included: `make demo` and `make test`.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

export UV_SYSTEM_CERTS := true
export UV_PYTHON_DOWNLOADS := never
export UV_PROJECT_ENVIRONMENT := .venv
unexport VIRTUAL_ENV PYTHONHOME PYTHONPATH PYTHONDONTWRITEBYTECODE

BIN := .venv/bin
READY := .venv/ready
PROJECTS := pyproject.toml $(wildcard plugins/*/pyproject.toml contrib/clp-*/pyproject.toml)

.PHONY: help
help: ## list what can be made
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 16

.PHONY: setup
setup: $(READY) ## the virtual environment, and system packages when root
$(READY): $(PROJECTS) contrib/dev/setup
	@echo 'Setting up .venv (a minute on a new machine, nothing when all is there)'
	@contrib/dev/setup
	@touch $@

.PHONY: demo
demo: setup ## the load-balancer rehearsal: two servers, faults, and the service is back
	@$(BIN)/clp lab demo

.PHONY: test
test: lint ## everything: static checks, then every test; servers in namespaces one after the other
	@$(BIN)/pytest --numprocesses 2

.PHONY: check
check: lint ## what needs no root: static checks and the tests without servers in namespaces
	@$(BIN)/pytest --numprocesses 2 -m 'not netns'

.PHONY: lint
lint: setup ## static checks: ruff, mypy, import rules, and that each distribution builds
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/uv build --quiet --all-packages --wheel --clear --out-dir dist

.PHONY: format
format: setup ## let ruff repair what it can
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

.PHONY: docs
docs: setup ## the reference pages, from the code: docs/reference
	@$(BIN)/python contrib/dev/reference.py

.PHONY: bench
bench: setup ## the numbers of the README, measured here
	@$(BIN)/python -m clp_lab.bench

.PHONY: torture
torture: MINUTES := 10
torture: setup ## random faults for MINUTES=10, of SEED=n: nothing lost, never two actives
	@$(BIN)/python -m clp_lab.torture --minutes $(MINUTES) $(if $(SEED),--seed $(SEED))

.PHONY: explore
explore: setup $(if $(COMPILED),build/compiled/done) ## random faults against the core for SECONDS=n, on every core; KIND= and SEED= as well, COMPILED=1: faster
	@cd $(if $(COMPILED),build/compiled,.) && $(abspath $(BIN))/python -m clpcore.simulate.explore $(or $(SECONDS),60) --seed $(or $(SEED),0) $(if $(KIND),--kind $(KIND))

build/compiled/done: $(shell find clpcore -name '*.py' -o -name '*.toml') contrib/dev/compile
	@echo 'Compiling the core (some minutes)'
	@contrib/dev/compile

.PHONY: mutants
mutants: setup ## break each rule of the core in a copy, an hour; RULE=words: only some; NEW=1: new ones
	@nice $(BIN)/python tests/simulate/mutants.py $(if $(NEW),--new) $(if $(RULE),'$(RULE)')

.PHONY: clean
clean: ## remove what make and the tools have made
	@rm -rf .venv build dist uv.lock .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -prune -exec rm -rf {} +
