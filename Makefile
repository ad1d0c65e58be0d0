# make demo    build the demo library and open the search page and Dagster's UI
# make test    lint, check types and run all tests
# make bench   measure what can be measured without a GPU, into benchmarks/results.md
# make setup   install into .venv; with EXTRA=cuda for a machine with an NVIDIA GPU

PYTHON ?= python3
EXTRA ?= cpu
BIN := .venv/bin
INSTALLED := .venv/.installed-$(EXTRA)
export PATH := $(PATH):$(CURDIR)/$(BIN)

# uv does not read pip's configuration: folders of wheels that are named there are handed on. Where
# there are none, torch for CPUs comes from PyTorch's own index: PyPI's brings gigabytes of CUDA.
FOLDERS_OF_WHEELS = $(BIN)/pip config list | sed -n "s/.*\.find-links='\(.*\)'/\1/p" | sort -u | paste -s -d, -

.PHONY: setup demo test lint bench chromium exiftool nginx pg_ctlcluster redis-server clean

# Where Debian has nginx
export PATH := $(PATH):/usr/sbin

# Tests start hundreds of processes, and each would compile all modules anew
unexport PYTHONDONTWRITEBYTECODE

setup: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Albumscope needs Python 3.11 or later: make $(MAKECMDGOALS) PYTHON=python3.11"; exit 1; }
	$(PYTHON) -m venv .venv
	@command -v uv >/dev/null || $(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt uv
	@export UV_FIND_LINKS="$${UV_FIND_LINKS-$$($(FOLDERS_OF_WHEELS))}"; \
	[ "$(EXTRA)" != cpu ] || [ "$$UV_FIND_LINKS" ] || export UV_TORCH_BACKEND="$${UV_TORCH_BACKEND:-cpu}"; \
	set -x; uv pip install --quiet --python $(BIN)/python --compile-bytecode -c constraints.txt \
		-e '.[$(EXTRA),dev]'
	@touch $@

demo: setup
	@$(BIN)/albumscope demo

test: setup chromium exiftool nginx pg_ctlcluster redis-server lint
	$(BIN)/pytest --numprocesses 4 --no-loadscope-reorder

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	env -u DAGSTER_HOME VIRTUAL_ENV=$(CURDIR)/.venv DG_CLI_CONFIG=.ci/dg.toml $(BIN)/dg check defs

bench: setup chromium exiftool
	@$(BIN)/python benchmarks/run_all.py

# Each installs a Debian package where it is missing: the browser that the page's tests drive, the
# proxy that some of them do so through, the database that one of Dagster's uses, what hands runs to
# workers, and the program that reads sidecars, and that benchmarks compare EXIF data with.
chromium: PACKAGE := chromium
nginx: PACKAGE := nginx
pg_ctlcluster: PACKAGE := postgresql
redis-server: PACKAGE := redis-server
exiftool: PACKAGE := libimage-exiftool-perl
chromium nginx pg_ctlcluster redis-server exiftool:
	@command -v $@ >/dev/null && exit 0; \
	if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
		apt-get update -qq && apt-get install -y -qq --no-install-recommends $(PACKAGE); \
	elif command -v apt-get >/dev/null && sudo -n true 2>/dev/null; then \
		sudo apt-get update -qq && sudo apt-get install -y -qq --no-install-recommends $(PACKAGE); \
	fi >/dev/null 2>&1; \
	command -v $@ >/dev/null || \
		{ echo "$@ is needed: sudo apt-get install $(PACKAGE), then make $(MAKECMDGOALS) again"; exit 1; }

clean:
	rm -rf .venv
