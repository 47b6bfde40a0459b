# The front door: `make run` and `make test` work in a fresh clone with nothing but Python >= 3.11 and pip.

PORT ?= 8080
STACK_PORT ?= 8888
FUZZ_SECONDS ?= 30
SOAK_SECONDS ?= 1800
# that the tests are shared out to
PROCESSES ?= 2
VENV ?= .venv
BIN := $(VENV)/bin
VERSION = $(shell sed -n 's/^VERSION = "\(.*\)"/\1/p' src/omero_ms_thumbnail/version.py)
# compiled parts fit one Python on one kind of machine, which the name of the single file says
PYTHON_NAME = $(shell $(BIN)/python -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
SINGLE_FILE = omero-ms-thumbnail-$(VERSION)-$(PYTHON_NAME)-$(shell uname -s | tr A-Z a-z)-$(shell uname -m).pyz

# the newest Python that is new enough, by the names under which systems install it
PYTHON ?= $(shell for name in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	"$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo "$$name" && break; done)

.PHONY: help run test coverage test-long lint format stack stack-test install-test omero-replay omero-test faults soak fuzz audit audit-online bench simulation \
	screenshots docs reference dist whole zipapp sbom release clean

help:  ## what there is to make
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

run: $(VENV)/.demo  ## try it: an embedded OMERO, the service and a gallery (PORT=8080)
	@exec $(BIN)/omero-ms-thumbnail demo --port $(PORT)

# whole files to a process, in the order of their names: those against real parts, which take longest, come first;
# with what was compiled kept, or each process would rewrite the assertions of every file again
pytest = PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n $(PROCESSES) --dist loadfile --no-loadscope-reorder --ignore tests/real/stack

test: $(VENV)/.test  ## the tests that this machine has the real parts for, some six minutes with all of them
	$(pytest) -m "not long"

test-long: $(VENV)/.test  ## the others: tables of attacks, mutants, large sessions, crowds, days of virtual time
	$(pytest) -m long

# tests that look at processor time, which coverage takes much of
measured = $(addprefix --ignore tests/unit/websession/,test_hostile_pickles.py test_under_load.py)

coverage: $(VENV)/.test  ## how much of the code tests/unit runs; fails below the floor in pyproject.toml
	rm -rf build/coverage
	mkdir -p build/coverage
	$(BIN)/python -m coverage run -m pytest -n $(PROCESSES) --dist loadfile -m "not long" $(measured) tests/unit
	$(BIN)/python -m coverage combine --quiet
	$(BIN)/python -m coverage report

lint: $(VENV)/.lint  ## linters, strict types, and the arrows between rooms
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.lint  ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

stack: $(VENV)/.test  ## the whole of it on loopback: OMERO.web, nginx, stores, router, stand-in (STACK_PORT=8888)
	$(BIN)/python -m tests.real.stack up --port $(STACK_PORT)

stack-test: $(VENV)/.test  ## the service and OMERO.web side by side, with every session engine
	$(BIN)/python -m tests.real.stack test

install-test: $(VENV)/.test  ## the steps of docs/install.md on a server made of name spaces (Debian, root)
	$(BIN)/python -m tests.real.deploy.installing

omero-replay: $(VENV)/.test  ## play recorded scenarios: SCENARIOS=file OMERO=embedded|stubs|host:port ROOT_PASSWORD_FILE=file DATA_DIR=dir
	$(BIN)/python -m tests.real.omero $(if $(SCENARIOS),--scenarios "$(SCENARIOS)") \
		$(if $(OMERO),--omero "$(OMERO)") $(if $(ROOT_PASSWORD_FILE),--root-password-file "$(ROOT_PASSWORD_FILE)") \
		$(if $(DATA_DIR),--data-dir "$(DATA_DIR)")

omero-test: $(VENV)/.test  ## the facts on a real OMERO meant for tests: OMERO=host:port ROOT_PASSWORD_FILE=file YES=1 DATA_DIR=dir
	$(BIN)/python -m tests.real.omero.on_real --omero "$(OMERO)" --root-password-file "$(ROOT_PASSWORD_FILE)" \
		$(if $(DATA_DIR),--data-dir "$(DATA_DIR)") $(if $(YES),--yes)

faults: $(VENV)/.test  ## strike at the service under load in every way, and write down what users saw (7 minutes)
	$(BIN)/python -m tests.hard.faults.report

fuzz: $(VENV)/.fuzz  ## coverage-guided fuzzing of sessions, Ice and configuration (FUZZ_SECONDS=30, each)
	$(BIN)/python -m tests.hard.fuzz --seconds $(FUZZ_SECONDS)

audit: $(VENV)/.test  ## pinned packages against the advisories kept here, secrets in the tree; needs no network
	$(BIN)/python -m audit
	$(BIN)/python -m audit.secrets

audit-online: $(VENV)/.audit  ## pinned packages against today's advisories; asks the advisory service of PyPI
	$(BIN)/pip-audit --requirement constraints.txt --no-deps --disable-pip

soak: $(VENV)/.test  ## a long time under load with faults, every answer judged, nothing growing (SOAK_SECONDS=1800)
	$(BIN)/python -m tests.hard.soak $(SOAK_SECONDS)

bench: $(VENV)/.test  ## measure against peers on this machine, and keep the figures in bench/results
	$(BIN)/python -m bench.run --keep

simulation: $(VENV)/.test  ## a public archive in small, with the service's own parts, for docs/scaling.md (2 minutes)
	$(BIN)/python -m bench.simulation --keep

screenshots: $(VENV)/.test  ## take the README's pictures again
	$(BIN)/python -m tests.real.browser.screenshots

docs: $(VENV)/.test  ## the documentation as a site, in site/; fails on a warning
	$(BIN)/zensical build --strict

reference: $(VENV)/.test  ## write the documents again that the code writes
	$(BIN)/python -m tools.reference.cli > docs/cli.md
	$(BIN)/python -m tools.reference.configuration > docs/configuration.md
	$(BIN)/python -m tools.reference.http > docs/http.md
	$(BIN)/python -m tools.reference.metrics > docs/metrics.md
	$(BIN)/python -m tools.reference.troubleshooting > docs/troubleshooting.md

dist: $(VENV)/.release  ## sdist and wheel of what is committed, in dist/; looks into both and runs the wheel
	rm -rf build dist
	mkdir -p build/source
	git archive HEAD | tar -x -C build/source
	$(BIN)/python -m build --no-isolation --outdir dist build/source >build/log 2>&1 || { cat build/log; exit 1; }
	$(BIN)/python -m pytest tests/unit/distribution/contents.py

# an environment with the wheel, its extras demo and tracing and nothing else: what is in the single file
whole: dist
	$(BIN)/python -m venv --without-pip build/whole
	@$(pip_of) --python build/whole/bin/python install --quiet --disable-pip-version-check -c constraints.txt \
		"$$(echo dist/*.whl)[demo,tracing]"

zipapp: whole  ## one file with all that it needs but Python, for closed networks; runs it
	$(BIN)/shiv --site-packages build/whole/lib/python*/site-packages --console-script omero-ms-thumbnail \
		--python "/usr/bin/env $(PYTHON_NAME)" --compressed --reproducible --output-file dist/$(SINGLE_FILE)
	$(BIN)/python -m pytest tests/unit/distribution/single_file.py

sbom: whole  ## what is in that file, as a CycloneDX bill of materials
	sed 's/^dynamic = \["version"\]/version = "$(VERSION)"/' pyproject.toml > build/pyproject.toml
	$(BIN)/cyclonedx-py environment build/whole --pyproject build/pyproject.toml --output-reproducible \
		--output-file dist/omero-ms-thumbnail-$(VERSION).cdx.json
	$(BIN)/python -m pytest tests/unit/distribution/bill_of_materials.py

release: zipapp sbom  ## all that a release has, with its checksums
	cd dist && sha256sum omero* > SHA256SUMS

clean:  ## remove what this file has made
	rm -rf $(VENV) build dist site .cache src/*.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

empty :=
comma := ,
# the environment's own pip where the system has one to give (Debian may not), else the system's
pip_of = $$($(BIN)/python -m pip --version >/dev/null 2>&1 && echo $(BIN)/python || echo $(PYTHON)) -m pip
define install
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; name it with PYTHON=/path/to/python3" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) >/dev/null 2>&1 || $(PYTHON) -m venv --clear --without-pip $(VENV)
	@echo "installing $(1) into $(VENV)"; \
	$(pip_of) --python $(BIN)/python install --quiet --disable-pip-version-check -c constraints.txt -e '.[$(subst $(empty) $(empty),$(comma),$(1))]'
	@touch $@
endef

$(VENV)/.demo: pyproject.toml constraints.txt
	$(call install,demo)

$(VENV)/.test: pyproject.toml constraints.txt
	$(call install,demo tracing docs test)

$(VENV)/.release: pyproject.toml constraints.txt
	$(call install,demo tracing docs test release)

$(VENV)/.fuzz: pyproject.toml constraints.txt
	$(call install,test fuzz)

$(VENV)/.deploy: pyproject.toml constraints.txt
	$(call install,demo tracing test deploy)

$(VENV)/.audit: pyproject.toml constraints.txt
	$(call install,audit)

$(VENV)/.lint: pyproject.toml constraints.txt
	$(call install,demo tracing test lint)
