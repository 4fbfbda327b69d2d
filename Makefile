# Everything a fresh clone needs is here: each verb prepares .venv itself when it has to.

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.ready
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# For what pip installs and for what it builds with.
export PIP_CONSTRAINT := constraints.txt

.DEFAULT_GOAL := help
.PHONY: help setup demo test check ahead gpu

help: ## say what each verb does
	@echo "softres: train on small pictures, serve masks at full size"
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-7s %s\n", $$1, $$2}' Makefile

setup: $(READY) ## prepare .venv (done by itself by the others)

demo: $(READY) ## fit, export, serve one picture; pictures and a table in demo/
	@$(PY) tools/demo.py

test: $(READY) ## run the tests
	@$(PY) -m pytest -n auto $(ARGS)

check: $(READY) ## format, lint, types and the house's import rules
	@echo "== ruff format" && $(PY) -m ruff format --check --diff .
	@echo "== ruff check" && $(PY) -m ruff check .
	@echo "== mypy" && $(PY) -m mypy
	@echo "== import-linter" && $(VENV)/bin/lint-imports

ahead: $(READY) ## compile the GPU kernels and build RTX engines, without a GPU
	@echo "== kernels of every architecture: registers/spills" && $(PY) -m kernels.ahead
	@echo "== engines of TensorRT-RTX" && $(PY) tools/engines.py

# onnxruntime-gpu owns the same folder as onnxruntime: in the venv it would change `make test`.
ORT_GPU := $(CURDIR)/$(VENV)/gpu

gpu: $(READY) ## check and time what needs an NVIDIA GPU, and tell what was not run
	@echo "== pycuda, built here: it needs CUDA's toolkit"
	@$(PY) -m pip install --quiet 'pycuda>=2025.1' || \
	  echo "note: no pycuda: what needs it is not run" >&2
	@echo "== onnxruntime-gpu, beside the venv's own"
	@test -d "$(ORT_GPU)/onnxruntime" || $(PY) -m pip install --quiet --no-deps --target "$(ORT_GPU)" \
	  "$$(sed -n 's/^onnxruntime==/onnxruntime-gpu==/p' constraints.txt)" || \
	  echo "note: no onnxruntime-gpu: what needs it is not run" >&2
	@PYTHONPATH="$(ORT_GPU)" $(PY) tools/gpu.py $(ARGS)

# A venv knows the folder it was made in: a clone that was moved or copied needs a new one.
ifneq "$(shell cat $(READY) 2>/dev/null)" "$(CURDIR)"
$(READY): moved
.PHONY: moved
moved:
endif

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "error: softres needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>&1)" >&2; \
	  echo "hint: name one that fits: make setup PYTHON=python3.12" >&2; exit 2; }
	@echo "== preparing $(VENV) with $$($(PYTHON) --version) (once; about 2 minutes and 3 GB)"
	@$(PYTHON) -m venv --clear "$(VENV)" || { \
	  echo "error: this Python cannot make a virtual environment" >&2; \
	  echo "hint: install its venv module (Debian: apt-get install python3-venv)" >&2; exit 2; }
	@echo "== installing what pyproject.toml names, at the versions of constraints.txt"
	@$(PY) -m pip install --quiet pip
	@$(PY) -m pip install --quiet --editable '.[cpu,train,hf]' --group dev
	@echo "$(CURDIR)" > "$(READY)"
