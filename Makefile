# One command for people and for CI: `make` lists the targets. Nothing is assumed but make and Python >= 3.11 with venv.
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

BIN := .venv/bin
# make run FOR=60s ends by itself; ARGS go to `dueclock demo`, to pytest or to the resolver.
FOR ?=
SECURED ?=
# COMPILED=1 tries the compiled build: the same tests, in a tree and by an interpreter of its own (.ci/compiled.py).
COMPILED ?=
SEEDS ?= 1
DURATION ?= 10m
ARGS ?=

TRIED := $(if $(COMPILED),cd build/compiled && DUECLOCK_TEST_COMPILED=1 .venv/bin/python,$(BIN)/python)

.PHONY: help tried run test test-compiled wheel sources years fleet docs bench bench-quick board chaos hostile secured soak check format image-lines sbom vulnerabilities lock clean

help: ## List the targets
	@echo "dueclock, make targets:"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{ printf "%-14s %s\n", $$1, $$2 }'

# Done again whenever the lock or the project file is newer.
.venv/.installed: requirements.lock pyproject.toml
	@.ci/venv

tried: .venv/.installed
	@$(if $(COMPILED),$(BIN)/python .ci/compiled.py,:)

run: .venv/.installed ## Play the demonstration on an embedded Kafka (FOR=60s ends by itself, SECURED=1 with TLS and logins, ARGS go to `dueclock demo`)
	@echo "Running dueclock demo"
	@fastest=$$($(BIN)/python .ci/compiled.py --or-pure) && PYTHONSAFEPATH=1 $$fastest/dueclock demo $(if $(FOR),--for $(FOR)) $(if $(SECURED),--secured) $(ARGS)

# Whole files are dealt out, so that what a file's tests share is made once; the long ones first (tests/conftest.py).
# What failed beside another test is tried once more, alone: two brokers at a time on two cores can cost a test its deadline.
# A fault fails again, and the summary of the first run stays to be read.
ifdef COMPILED
test: test-compiled
else
test: .venv/.installed ## Run all tests and demand every branch of streams/ and schemas/ (ARGS="tests/core -k name" runs some)
	@echo "Running the tests$(if $(ARGS), $(ARGS),, all of them, with coverage)"
ifdef ARGS
	@$(BIN)/python -m pytest $(ARGS)
else
	@$(BIN)/python -m pytest --cov -n 2 --dist loadfile --no-loadscope-reorder --durations=40 --durations-min=5 || { [ $$? = 1 ] && echo "Trying once more, alone, what failed" \
		&& $(BIN)/python -m pytest --cov --cov-append --last-failed --last-failed-no-failures none; }
endif
endif

# The same tests as above, on the same sources compiled: what a compiler may have changed shows here, not at a seller's.
COMPILED_TESTS := tests/compiled tests/golden tests/core tests/schemas/test_codec.py tests/schemas/test_decoding.py \
	tests/schemas/test_decoding_laws.py tests/agents/test_keeper.py tests/broker/test_live_path.py \
	tests/broker/test_golden_live.py "tests/chaos/test_workers.py::test_a_worker_killed_at_each_step_loses_and_repeats_nothing"

test-compiled: .venv/.installed ## Compile the hot path and run golden cases, laws, core, live path and a round of chaos on it
	@$(BIN)/python .ci/compiled.py
	@echo "Running the tests of the compiled build$(if $(ARGS), ($(ARGS)))"
	@cd build/compiled && DUECLOCK_TEST_COMPILED=1 .venv/bin/python -m pytest -p no:cacheprovider -n 2 --dist worksteal \
		$(if $(ARGS),$(ARGS),$(COMPILED_TESTS))

wheel: .venv/.installed ## Build the wheel into dist/, and the compiled one beside it where a C compiler is at hand
	@$(BIN)/python .ci/compiled.py --wheels

sources: .venv/.installed ## Play a month of two thousand mails and its reports to a broker's clocks, and kill each source at each step (minutes)
	@echo "Playing a month of mail, and killing the sources"
	@DUECLOCK_TEST_STORIES=300 $(BIN)/python -m pytest tests/sources/test_mailbox.py tests/sources/test_mail_command.py tests/sources/test_mailbox_month.py tests/sources/test_kills.py $(ARGS)

years: .venv/.installed ## Interrupt the growing of an installation at each of its steps, grow one of a hundred thousand clocks, try warm copies in all ways, let a topic of snapshots be compacted, and convict a fleet that breaks its promise (minutes)
	@echo "Growing, interrupted at each step, then under load; standby; snapshots in a topic; a fleet that breaks its promise"
	@DUECLOCK_TEST_YEARS=1 $(BIN)/python -m pytest tests/broker/test_growing.py tests/broker/test_growing_at_size.py tests/broker/test_standby.py tests/audit/test_snapshot_topic.py tests/audit/test_pieces.py tests/fleet/test_injected.py $(ARGS)

fleet: .venv/.installed ## Eight workers on three brokers: restarts, an upgrade, a broker and a worker lost, then the proof and plots (a quarter of an hour; ARGS="--workers 2 --partitions 8 --clocks 20000" is small)
	@echo "Running a fleet"
	@$(BIN)/python -m tests.fleet $(ARGS)

docs: .venv/.installed ## Build the pages of docs/ into site/, offline; a dead link or anchor fails it
	@echo "Building the pages (mkdocs --strict)"
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "They are in site/: open site/index.html"

bench: .venv/.installed ## Measure all figures of both builds, three runs each, into bench/ (under an hour; ARGS="--only live" measures some)
	@echo "Measuring, three runs each"
	@$(BIN)/python -m tests.bench $(ARGS)

bench-quick: .venv/.installed ## Measure all figures once, with smaller loads, into bench/ (under 8 minutes)
	@echo "Measuring, one run each"
	@$(BIN)/python -m tests.bench --quick $(ARGS)

chaos: tried ## Inject every fault for some seeds (SEEDS=3) and print the table of what was survived (COMPILED=1 for the compiled build)
	@echo "Injecting faults$(if $(COMPILED), into the compiled build), seed by seed"
	@$(TRIED) -m tests.chaos --seeds $(SEEDS) $(ARGS)

hostile: tried ## Let foreign producers and rotten disks do their worst for some seeds (SEEDS=3), and look for the slowest line (COMPILED=1 as above)
	@echo "Being hostile$(if $(COMPILED), to the compiled build), seed by seed"
	@export DUECLOCK_TEST_SEEDS=$(SEEDS); $(TRIED) -m pytest tests/hostile $(ARGS)
	@echo "Looking for the slowest line and the largest row"
	@$(TRIED) -m tests.hostile.worst --seeds $(SEEDS)

secured: .venv/.installed ## Try each login, and each role without each of its rights, on a secured Kafka, and print what was found (minutes)
	@.ci/kerberos
	@echo "Trying logins and rights"
	@$(BIN)/python -m tests.secured $(ARGS)

board: .venv/.installed ## Measure the board with a hundred thousand clocks: pages, memory, a story (minutes)
	@echo "Measuring the board"
	@$(BIN)/python -m tests.board.crowd $(ARGS)

soak: tried ## Two workers, load and random faults for ten minutes (DURATION=1h, ARGS=--undisturbed), then the audit and a plot of memory (COMPILED=1 as above)
	@echo "Soaking$(if $(COMPILED), the compiled build)"
	@$(TRIED) -m tests.chaos.soak $(DURATION) $(ARGS)

check: .venv/.installed ## Check format, style, types and the direction of imports; change nothing
	@echo "Checking the format (ruff format)"
	@$(BIN)/python -m ruff format --check .
	@echo "Checking the style (ruff check)"
	@$(BIN)/python -m ruff check .
	@echo "Checking the types (mypy --strict)"
	@$(BIN)/python -m mypy
	@$(BIN)/python -m mypy .ci/compiling.py .ci/compiled.py
	@echo "Checking the direction of imports (import-linter)"
	@$(BIN)/lint-imports --no-logo

format: .venv/.installed ## Format the code and mend what ruff can mend
	@echo "Formatting (ruff)"
	@$(BIN)/python -m ruff format .
	@$(BIN)/python -m ruff check --fix .

image-lines: .venv/.installed ## Try the RUN lines of the image in an environment with nothing but Python (about a minute)
	@echo "Trying the image's lines"
	@DUECLOCK_TEST_IMAGE=1 $(BIN)/python -m pytest tests/observe/test_image.py $(ARGS)

sbom: .venv/.installed ## Write what the image holds, in CycloneDX, into sbom.json: the same bytes each time
	@$(BIN)/python .ci/sbom.py sbom.json

vulnerabilities: .venv/.installed ## Ask a database whether anything that dueclock runs on is known to be vulnerable
	@$(BIN)/python .ci/vulnerabilities.py

lock: ## Resolve pyproject.toml into requirements.lock and the image's locks again (ARGS=--upgrade takes the newest versions)
	@echo "Resolving requirements.lock"
	@.ci/lock $(ARGS)

clean: ## Remove .venv and whatever the tools left behind (not .dueclock/, the data)
	@echo "Removing .venv and the caches of the tools"
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage .coverage.* htmlcov build dist site sbom.json
