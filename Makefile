# Two commands matter: `make demo` and `make test`. `make help` lists the others.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.ready

.PHONY: help demo test lint types unit histories kills bench replay-moodle messages requirements clean

help: ## This list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 24

# The virtual environment, from the hashed requirements file; and Kafka's jars, each compared with its recorded SHA-256.
$(READY): requirements-dev.txt pyproject.toml tests/standins/kafka/jars.sha256
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "cohortstream needs Python 3.11 or newer; '$(PYTHON)' is not. Install it, or say which: make PYTHON=python3.12 …" >&2; exit 1; }
	@test -x $(PY) || $(PYTHON) -m venv $(VENV) || \
	  { rm -rf $(VENV); echo "The venv module is missing. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@echo "Installing the pinned requirements into $(VENV) …"
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt || \
	  { echo "The requirements could not be installed; the lines above say which. Is a package index reachable?" >&2; exit 1; }
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@echo "Bringing Apache Kafka …"
	@$(PY) -m tests.standins.kafka --prepare
	@touch $@

demo: $(READY) ## The whole pipe, on this machine, in a minute or two (KEEP=1 leaves it running)
	@exec $(PY) -m tests.demo $(if $(KEEP),--keep)

test: lint types ## Everything the build checks
	$(PY) -m tests.standins.moodle.replay tests/data/moodle-ws/transcripts
	$(PY) -m pytest -n 4 --dist loadfile --no-loadscope-reorder

lint: $(READY) ## Formatting, style
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .

types: $(READY) ## Types, strictly
	$(VENV)/bin/mypy

unit: $(READY) ## The quick tests alone
	$(PY) -m pytest tests/unit

histories: $(READY) ## Live through histories of a source (N=1000000 SEED=0; TRACE=1 tells one)
	@exec $(PY) -m tests.histories -n $(or $(N),100000) --seed $(or $(SEED),0) $(if $(TRACE),--trace)

kills: $(READY) ## Kill consumers at every step while changes flow (N=100 SEED=0 CHANGES=5000)
	@exec $(PY) -m tests.kills -n $(or $(N),100) $(if $(SEED),--seed $(SEED)) --changes $(or $(CHANGES),5000)

bench: $(READY) ## Every figure the documentation states, against its reference, in one run
	@exec $(PY) -m tests.bench

replay-moodle: $(READY) ## Replay recorded exchanges against the Moodle stand-in (TRANSCRIPTS=folder)
	@exec $(PY) -m tests.standins.moodle.replay $(TRANSCRIPTS)

requirements: ## Pin the dependencies anew (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes -q --no-header pyproject.toml -o requirements.txt
	uv pip compile --universal --python-version 3.11 --generate-hashes -q --no-header --extra dev pyproject.toml \
	  -c requirements.txt -o requirements-dev.txt

clean: ## Remove what was installed and made
	rm -rf $(VENV) var build *.egg-info
