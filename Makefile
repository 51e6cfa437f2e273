# Everything a person or a robot does with this repository. `make` alone says what there is.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo test check faults evaluate bench lock wheel sbom audit format clean

# The first Python that is new enough and can make environments; PYTHON=/path/to/python chooses another.
CAN_SERVE := import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	"$$p" -c '$(CAN_SERVE)' >/dev/null 2>&1 && { echo "$$p"; break; }; done)

BIN := .venv/bin
READY := .venv/.ready
LOCK := $(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --python-version 3.11 \
	--custom-compile-command "make lock"
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input --quiet

# Coverage's own bar counts lines and branches together; this one counts the branches by themselves.
BRANCHES := import json, sys; share = json.load(sys.stdin)["totals"]["percent_branches_covered"]; \
	sys.exit(f"Only {share:.1f}% of the branches of streams/ are covered; the bar is 95%." if share < 95 else 0)

# The environments that the benchmark and the tests make for others than Stillwatch.
PEERS := $(basename $(wildcard tests/benchmarks/plain/requirements/*.in tests/integration/requirements/*.in))

help: ## say what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY) ## make the environment in .venv, once

$(READY): requirements.lock pyproject.toml
	@"$(PYTHON)" -c '$(CAN_SERVE)' 2>/dev/null || { \
		echo "Stillwatch needs Python 3.11 or newer with its venv module (on Debian and Ubuntu: python3-venv)." >&2; \
		echo "None was found as $(if $(PYTHON),$(PYTHON),python3); make PYTHON=/path/to/python names another." >&2; \
		exit 2; }
	@echo "Setting up .venv (about a minute, once)"
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || "$(PYTHON)" -m venv --clear .venv
	@$(PIP) install --require-hashes --no-deps --requirement requirements.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(READY) ## find a campaign in live traffic on a real Kafka and Redis (under 3 minutes)
	@$(BIN)/stillwatch demo

check: $(READY) ## look at the code without running it: style, types, arrows between modules
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet || { echo "Some files are not formatted; make format does it." >&2; exit 1; }
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-logo >.venv/lint-imports.log 2>&1 || { cat .venv/lint-imports.log >&2; exit 1; }

# To count branches makes code three times slower, so that only the tests of streams/ themselves are counted, not those
# that play whole worlds through it.
test: check ## check, then run every test, with the branches of streams/ counted
	@$(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder --cov -- tests/streams
	@$(BIN)/coverage json --quiet --fail-under=0 -o - | $(BIN)/python -c '$(BRANCHES)'
	@$(BIN)/pytest -n 4 --dist loadfile --no-loadscope-reorder --ignore tests/streams

faults: $(READY) ## kill, freeze, fill, cut and slow down real servers, long ones too (half an hour)
	@$(BIN)/pytest tests/faults --every-fault

evaluate: $(READY) ## judge the detector in simulated worlds, beside baselines (half an hour; SCALE=medium, hydra, robustness, ablation, candidates, weeks, full: up to two hours)
	@$(BIN)/python -m tests.evaluation.suite --scale "$(or $(SCALE),small)"

bench: $(READY) ## measure the speeds that the README names, and the plain job beside its peers
	@$(BIN)/python tests/benchmarks/fingerprint.py
	@$(BIN)/python tests/benchmarks/transport.py
	@$(BIN)/python -m tests.benchmarks.whole_job
	@$(BIN)/python -m tests.benchmarks.whole_job --processes 2
	@$(BIN)/python -m tests.benchmarks.whole_job --processes 2 --rate 20000 --policy tests/faults/policy.toml
	@$(BIN)/python -m tests.benchmarks.enforcing
	@$(BIN)/python -m tests.benchmarks.limits
	@$(BIN)/python -m tests.benchmarks.python_gateway
	@$(BIN)/python -m tests.benchmarks.through_envoy
	@$(BIN)/python -m tests.benchmarks.plain --accounts 10000,100000,1000000

lock: $(READY) ## choose versions anew, with hashes and without an index's address
	@$(LOCK) --universal --extra embedded --extra gateway --extra otlp --extra report --group dev pyproject.toml \
		-o requirements.lock
	@$(LOCK) --universal --no-annotate --constraint requirements.lock --extra gateway --extra otlp pyproject.toml \
		-o deploy/requirements-runtime.lock
	@$(LOCK) --universal --no-annotate --constraint requirements.lock --group build -o deploy/requirements-build.lock
	@for peer in $(PEERS); do $(LOCK) "$$peer.in" -o "$$peer.txt" || exit 1; done

# The time of the last commit: with it the same commit gives the same bytes, wherever it is built.
EPOCH = $(shell git log -1 --format=%ct 2>/dev/null || echo 1580601600)

wheel: $(READY) ## build dist/*.whl and dist/*.tar.gz, the same bytes from the same commit
	@rm -rf dist/stillwatch-*
	@SOURCE_DATE_EPOCH=$(EPOCH) $(BIN)/python -m hatchling build --target sdist --target wheel --directory dist >/dev/null
	@cd dist && sha256sum stillwatch-*

sbom: $(READY) ## say in dist/stillwatch.cdx.json (CycloneDX) what an image has of others
	@mkdir -p build dist
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python build/runtime
	@$(BIN)/uv pip install --quiet --python build/runtime --require-hashes --no-deps \
		--requirement deploy/requirements-runtime.lock
	@SOURCE_DATE_EPOCH=$(EPOCH) $(BIN)/cyclonedx-py environment --spec-version 1.6 --output-reproducible --validate \
		--pyproject pyproject.toml --output-file dist/stillwatch.cdx.json build/runtime/bin/python
	@sha256sum dist/stillwatch.cdx.json

audit: $(READY) ## ask whether what is locked has known vulnerabilities
	@$(BIN)/python deploy/audit.py deploy/requirements-runtime.lock deploy/requirements-build.lock requirements.lock

format: $(READY) ## put the code in form
	@$(BIN)/ruff check --fix --quiet || true
	@$(BIN)/ruff format --quiet

clean: ## remove the environment and every cache; servers' data in .stillwatch stay
	@rm -rf .venv .coverage .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache build dist
	@find streams agents tests -name __pycache__ -type d -prune -exec rm -rf {} +
