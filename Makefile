# Needs make and Python 3.10 to 3.13, nothing else. Each target installs what it needs into .venv, by uv if there is one.
#
#   make demo               digits: prepare, train, score, export, serve, report     (about ten minutes the first time)
#   make demo DATA=avatars  the same in colour, at 64x64
#   make demo DATA=spoken_digits  the same of sound: half a second at 8 kHz, of synthetic voices
#   make demo FAST=1        a short form of either
#   make test               the quick tests
#   make test-slow          the tests that take minutes
#   make pipeline           the digits through TensorFlow Extended (docs/tfx.md); CONFIG=FILE.yaml for another pipeline
#   make test-tfx           the tests of that, in an environment of their own, .venv-tfx
#   make lint               style
#   make clean              removes what the demo and the tests wrote
#   make distclean          removes .venv and .venv-tfx as well

VENV := .venv
BIN := $(VENV)/bin
DATA := digits
FAST :=
TFX_VENV := .venv-tfx
CONFIG := pipelines/digits.yaml
DEMO_EXTRAS := beam,avatars,audio,features,serving
TEST_EXTRAS := $(DEMO_EXTRAS),tfds,lpips,video,onnx,litert,dask,pipeline,test

.PHONY: demo test test-slow pipeline test-tfx lint clean distclean
.DEFAULT_GOAL := demo

demo: $(VENV)/.installed-demo
	@$(BIN)/tfgan-suite demo --data $(DATA) $(if $(filter-out 0 no false,$(FAST)),--fast)

# Two processes: TensorFlow keeps what it has traced, so that one alone would grow, and leave a core idle.
test: $(VENV)/.installed-test
	@$(BIN)/python -m pytest -n 2 --dist loadfile

test-slow: $(VENV)/.installed-test
	@$(BIN)/python -m pytest -m slow

# TensorFlow Extended brings a TensorFlow of its own, so it has an environment of its own.
pipeline: $(TFX_VENV)/.installed
	@$(TFX_VENV)/bin/python -m pipelines.run --config $(CONFIG)

test-tfx: $(TFX_VENV)/.installed
	@cat $<
	@$(TFX_VENV)/bin/python -m pytest tests/pipelines

lint: $(VENV)/.installed-lint
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

clean:
	rm -rf runs/demo build .pytest_cache .ruff_cache

distclean: clean
	rm -rf $(VENV) $(TFX_VENV) tfgan_suite.egg-info

$(VENV)/.installed-demo: setup.py pyproject.toml $(wildcard requirements/*.txt)
	@$(call make_venv)
	@echo "Installing into $(VENV): two to four minutes the first time ..."
	@$(call install,-e ".[$(DEMO_EXTRAS)]")
	@$(call install,--no-deps -r requirements/digits.txt)
	@touch $@

$(VENV)/.installed-test: $(VENV)/.installed-demo
	@echo "Installing what the tests need into $(VENV) ..."
	@$(call install,-e ".[$(TEST_EXTRAS)]")
	@touch $@

$(TFX_VENV)/.installed: requirements/tfx.txt requirements/digits.txt pipelines/make_environment.py
	@python3 pipelines/make_environment.py $(TFX_VENV)

$(VENV)/.installed-lint: requirements/lint.txt
	@$(call make_venv)
	@$(call install,-r requirements/lint.txt)
	@touch $@

# Makes .venv, unless there is a whole one. An interrupted attempt is begun anew.
define make_venv
if command -v uv >/dev/null; then \
	test -x $(BIN)/python || uv venv --quiet --clear --python '>=3.10,<3.14' $(VENV); \
	exit; \
fi; \
if $(BIN)/python -m pip --version >/dev/null 2>&1; then exit; fi; \
for python in python3 python3.13 python3.12 python3.11 python3.10 none; do \
	if $$python -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then break; fi; \
done; \
if [ $$python = none ]; then \
	echo "tfgan-suite needs Python 3.10 to 3.13, and found none. On Debian or Ubuntu: apt install python3 python3-venv" >&2; \
	exit 1; \
fi; \
if ! $$python -c 'import ensurepip, venv' 2>/dev/null; then \
	echo "tfgan-suite needs Python's venv module, which is not installed. On Debian or Ubuntu: apt install python3-venv" >&2; \
	exit 1; \
fi; \
$$python -m venv --clear $(VENV)
endef

define install
if command -v uv >/dev/null; then \
	uv pip install --quiet --python $(BIN)/python $(1); \
else \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(1); \
fi
endef
