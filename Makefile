# Two commands matter: "make serve" and "make test". Each sets up all that it needs.
.DEFAULT_GOAL := help
.PHONY: interop-long help serve setup check format test test-s3 test-clouds test-s3-large programs image bench bench-scenarios bench-growth bench-long test-large faults faults-report fuzz-long fuzz-guided conformance-report constraints clean

bin := .venv/bin
export PYTHONDONTWRITEBYTECODE := 1

help: ## what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 24

serve: ## set everything up and serve on port 5000 (ARGS= for more arguments)
	@tools/setup.sh
	@exec $(bin)/layerstore serve $(ARGS)

setup: ## the environment with all tools for working on Layerstore
	@tools/setup.sh dev

check: setup ## format, lint, types, import layers and unit tests, in under a minute
	$(bin)/ruff format --check .
	$(bin)/ruff check .
	$(bin)/mypy
	$(bin)/lint-imports
	$(bin)/pytest -q tests/unit

format: setup ## put the code into its form
	$(bin)/ruff format .
	$(bin)/ruff check --fix .

programs: setup ## install the programs that the tests run beside Layerstore
	$(bin)/python -m tests.programs install

test: setup programs ## set everything up and run all tests
	$(bin)/pytest --ignore tests/large $(ARGS)
	LAYERSTORE_CLIENTS_AGAINST=s3 $(bin)/pytest $(addprefix tests/clients/test_,crane.py oras.py broken_uploads.py)

test-s3: setup programs ## clients against two instances on S3, killed and crowded
	LAYERSTORE_LONG=1 $(bin)/pytest tests/contract/test_s3.py tests/object_storage -s $(ARGS)
	LAYERSTORE_CLIENTS_AGAINST=s3 $(bin)/pytest tests/clients --ignore tests/clients/test_many_clients.py $(ARGS)

test-clouds: setup programs ## Google Cloud Storage and Azure in their long form
	LAYERSTORE_LONG=1 $(bin)/pytest tests/contract/test_gcs.py tests/contract/test_azure.py tests/object_storage $(ARGS) -k 'gcs or azure or Gcs or Azure'
	LAYERSTORE_REGISTRY_ON='gcs azure' $(bin)/pytest tests/unit/registry $(ARGS) -k 'gcs or azure'
	LAYERSTORE_CLIENTS_AGAINST=gcs $(bin)/pytest tests/clients --ignore tests/clients/test_many_clients.py $(ARGS)
	LAYERSTORE_CLIENTS_AGAINST=azure $(bin)/pytest tests/clients --ignore tests/clients/test_many_clients.py $(ARGS)

test-s3-large: setup programs ## a layer of 20 GiB through S3
	LAYERSTORE_LAYER_MIB=20480 $(bin)/pytest tests/object_storage/test_large_layer.py -s $(ARGS)

test-large: setup programs ## blobs of 6 GiB through crane and Docker, two hundred clients for a minute
	LAYERSTORE_LONG=1 $(bin)/pytest tests/large tests/clients/test_many_clients.py -s $(ARGS)

interop-long: setup programs ## long random workloads beside the originals, every damage to a storage folder
	LAYERSTORE_LONG=1 $(bin)/pytest tests/interop/test_mixed_workload.py tests/wire/test_damage.py $(ARGS)

who_may := tests/property/test_access_matrix.py tests/property/test_upload_state.py tests/settings/test_secrets.py
bad_input := tests/fuzz tests/wire/test_smuggling.py tests/wire/test_smuggling_frames.py \
	tests/wire/test_hostile_input.py tests/wire/test_slow_readers.py

faults: setup programs ## crashes, kills, faults, attacks and bad input in their long form, counted
	LAYERSTORE_LONG=1 $(bin)/pytest tests/faults $(who_may) $(bad_input) $(ARGS)

fuzz-long: setup ## every parser under a million inputs near good ones, counted
	LAYERSTORE_LONG=1 LAYERSTORE_FUZZ_CASES=50000 $(bin)/pytest tests/fuzz $(ARGS)

fuzz-guided: setup ## one parser, TARGET=manifests, under inputs that reach ever more of its code
	$(bin)/pip install -q -c constraints.txt -e '.[fuzz]'
	$(bin)/python -m tests.fuzz.guided $(TARGET) $(or $(ARGS),-max_total_time=60)

faults-report: setup ## put what `make faults` counted last into docs/reliability.md
	$(bin)/python -m tests.faults.report

image: setup ## build the container image dist/layerstore-image.tar (ARGS= for more arguments)
	$(bin)/python -m tests.programs install busybox python3 update-ca-certificates
	$(bin)/python -m deploy.image $(ARGS)

bench: setup programs ## measure beside docker-registry and nginx (SCENARIO= or COURSE=name,name for some)
	$(bin)/python -m bench --scenario "$(SCENARIO)" --course "$(COURSE)" $(ARGS)

bench-scenarios: setup programs ## the scenarios of `make bench` alone
	$(bin)/python -m bench --parts scenarios $(ARGS)

bench-growth: setup programs ## the other half of `make bench`: cost as work grows, and the plots
	$(bin)/python -m bench --parts growth $(ARGS)

bench-long: setup programs ## memory over 20 minutes with each server
	$(bin)/python -m bench --parts long $(ARGS)

conformance-report: setup programs ## run the OCI conformance suite and write docs/conformance.md
	$(bin)/python -m tests.conformance.report

constraints: setup ## pin the versions that are installed now
	$(bin)/python tools/constraints.py

clean: ## take away what was set up and cached in this folder
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
