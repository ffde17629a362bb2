# make demo · make test · make lint · make clean
#
# Each target does all of its own set-up in .venv and needs make and Python 3.11 or later, with its venv module.
# A stamp in .venv says what has been installed since pyproject.toml and constraints.txt last changed.
#
#   make demo PYTHON=/opt/python3.12/bin/python3     another interpreter
#   PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu make demo
#                                                    on Linux without a GPU: PyTorch without gigabytes of CUDA

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
# Compiling 30,000 modules takes longer than installing them; the first import compiles the few that are used,
# if it may keep them.
PIP_INSTALL := -m pip install --quiet --no-compile --disable-pip-version-check
unexport PYTHONDONTWRITEBYTECODE
AIRFLOW := 3.3.2

extras_run :=
extras_lint := [lint]
extras_test := [test,lint]
extras_fuzz := [test,fuzz]
extras_constraints := [test,lint,fuzz]

define check
$(BIN)/ruff check --quiet .
$(BIN)/ruff format --check --quiet .
$(BIN)/lint-imports --no-logo
$(BIN)/mypy
endef

.DELETE_ON_ERROR:
.PHONY: help demo test soak lint clean constraints fuzz errors schedules

help:  ## this list
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/make \1  \2/p' Makefile

demo: $(VENV)/.installed-run  ## train on 10,000 digits, draw new ones, and make a page of them: minutes
	$(BIN)/genai run examples/demo.yaml

test: $(VENV)/.installed-test  ## lint, then every test, with real Ray and two real S3 servers
	$(check)
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

soak: $(VENV)/.installed-test  ## the tests that take minutes each: machines that come, go and are lost, poison, streaming
	OMP_NUM_THREADS=1 $(BIN)/pytest -m soak

lint: $(VENV)/.installed-lint  ## style, import contracts, types
	$(check)

errors: $(VENV)/.installed-test  ## remake docs/errors.md from the errors themselves
	GENAI_WRITE_ERRORS=1 OMP_NUM_THREADS=1 $(BIN)/pytest --quiet tests/errors -k page

fuzz: $(VENV)/.installed-fuzz  ## every reader of outside bytes under a fuzzer, a minute each
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/fuzz.py

schedules: $(VENV)/.installed-test .airflow/.installed .cron/.unpacked  ## ten nights by a real cron (Debian, as root) and a real Airflow
	GENAI_SCHEDULES=1 OMP_NUM_THREADS=1 $(BIN)/pytest -o faulthandler_timeout=1200 tests/schedules tests/jobs/targets

constraints:  ## remake constraints.txt from the newest releases; torch keeps its pin, which is moved by hand
	rm -rf $(VENV)-constraints
	$(PYTHON) -m venv $(VENV)-constraints
	grep '^torch==' constraints.txt > $(VENV)-constraints/torch.txt
	$(VENV)-constraints/bin/python $(PIP_INSTALL) -c $(VENV)-constraints/torch.txt -e '.$(extras_constraints)'
	sed -n '/^#/p' constraints.txt > $(VENV)-constraints/new.txt
	$(VENV)-constraints/bin/python -m pip freeze --all --exclude-editable --exclude pip \
		| sed -e 's/ @ .*//' -e 's/+cpu$$//' | grep == | grep -Ev '^(cuda|nvidia|triton)' | LC_ALL=C sort -f >> $(VENV)-constraints/new.txt
	mv $(VENV)-constraints/new.txt constraints.txt
	rm -rf $(VENV)-constraints

clean:  ## remove what was installed and cached, never what was generated (runs/)
	rm -rf $(VENV) $(VENV)-constraints .airflow .cron dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.installed-%: $(VENV)/.created pyproject.toml constraints.txt
	@echo "installing into $(VENV), once (about 1.5 GB): genai-jobs$(extras_$*)" >&2
	$(BIN)/python $(PIP_INSTALL) -c constraints.txt -e '.$(extras_$*)'
	@touch $@

# Not in .venv: Airflow pins hundreds of packages.
.airflow/.installed: $(VENV)/.created
	$(BIN)/python -m venv .airflow
	.airflow/bin/python $(PIP_INSTALL) apache-airflow==$(AIRFLOW)
	@touch $@

# Unpacked, not installed: nothing of this machine changes.
.cron/.unpacked:
	mkdir -p .cron
	cd .cron && apt-get download cron libfaketime && for each in *.deb; do dpkg -x "$$each" . && rm "$$each"; done
	@touch $@

# Written last: an interrupted set-up starts anew.
$(VENV)/.created:
	@test -n "$(PYTHON)" || { echo "found no Python 3.11 or later (python3 is $$(python3 --version 2>&1));" \
		"install one (Debian, Ubuntu: apt-get install python3 python3-venv)" \
		"or say where it is: make PYTHON=/path/to/python3.12" >&2; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) is" \
		"$$($(PYTHON) --version 2>&1); allowed: Python 3.11 or later; try make PYTHON=/path/to/python3.12" >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) cannot make virtual environments;" \
		"Debian and Ubuntu keep that apart: apt-get install python3-venv" \
		"(or $$($(PYTHON) -c 'import sys; print("python3.%d-venv" % sys.version_info[1])'))" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	@touch $@
