# Every target does its own set-up. Needed beforehand: Python >= 3.11, make and a package index.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin

.PHONY: setup setup-dev run test check bench bench-aftermath bench-voice clean

setup: .venv/.done
setup-dev: .venv/.done-dev

.venv/.done: requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Viva needs Python 3.11 or newer; none was found on the PATH."; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Fetching what Viva stands on, a few hundred megabytes. Once only; it takes some minutes."
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

.venv/.done-dev: requirements-dev.lock .venv/.done
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.lock
	@touch $@

# A browser, a synthesiser and recorded speech for the tests; where it may not install, it says what is missing.
.venv/.done-system: tests/system_packages.sh
	tests/system_packages.sh
	@touch $@

run: setup
	$(BIN)/viva serve

test: setup-dev .venv/.done-system
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q

check: test

bench: setup .venv-bench/.done
	$(BIN)/python -m bench

bench-aftermath: setup
	$(BIN)/python -m bench.aftermath

# The benchmark's peer has an environment of its own: nothing of it is a dependency of Viva.
.venv-bench/.done: requirements-bench.lock
	test -x .venv-bench/bin/python || $(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-bench.lock
	@touch $@

# The peers of the voice line, about 800 MB. It also needs recorded speech: see tests/system_packages.sh.
bench-voice: setup-dev .venv/.done-system .venv-bench-voice/.done
	$(BIN)/python -m bench.voice

.venv-bench-voice/.done: requirements-bench-voice.lock
	test -x .venv-bench-voice/bin/python || $(PYTHON) -m venv .venv-bench-voice
	.venv-bench-voice/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-bench-voice.lock
	@touch $@

clean:
	rm -rf .venv .venv-bench .venv-bench-voice .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
