# Front door: make run, make test. `make help` lists the rest; CMake presets do the work.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
JOBS ?= $(shell nproc)
PROMPT ?=
MODEL ?=

.PHONY: help deps build run serve bench test test-all page-test client-test cuda gpu-bundle dev tsan clang neon rings fuzz coverage tidy format \
  format-check golden install soak clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

deps:  ## install what is missing (Debian packages of tools/apt-packages.txt)
	@tools/install-deps

build: deps  ## build/hearth, optimised
	@cmake --preset release > build.log 2>&1 || { cat build.log; exit 1; }; rm -f build.log
	@cmake --build --preset release -j $(JOBS) --target hearth

run: build  ## chat with the bundled model; PROMPT="37*48=?" answers once, MODEL=path takes another
	@build/hearth run $(if $(MODEL),--model "$(MODEL)") $(if $(PROMPT),"$(PROMPT)")

serve: build  ## OpenAI-compatible server of the bundled model; MODEL=path takes another
	@build/hearth serve $(if $(MODEL),--model "$(MODEL)")

SHAPE ?= deepseek-r1-distill-qwen-1.5b
bench: build  ## speed beside the machine's limits, of MODEL=path or SHAPE=name
	@build/hearth bench $(if $(MODEL),--model "$(MODEL)",--shape "$(SHAPE)")

test: deps  ## build and run all tests; the last line counts them
	@cmake --preset release > /dev/null
	@cmake --build --preset release -j $(JOBS)
	@tools/run-tests build

page-test: build  ## the chat page in a headless Chromium, which is installed where it is missing
	@tools/install-deps tools/apt-packages-page.txt
	@for part in page_markdown page page_trouble page_watermark; do python3 tests/$${part}_test.py build/hearth .; done

client-test: build  ## the official openai client, a gRPC client that knows reflection alone, an S3 store
	@tools/client-env build/clients
	@python=build/clients/bin/python; test -x $$python || python=python3; \
	  for part in openai_client openai_helpers grpc_client s3_moto; do $$python tests/$${part}_test.py build/hearth .; done

test-all:  ## all that `make test` runs, and the chat page's tests in a browser
	@tools/install-deps tools/apt-packages-page.txt
	@$(MAKE) test

CUDA_TARGETS := hearth cuda_test cuda_model_test backend_test
cuda: deps  ## build/cuda/hearth, with the CUDA backend (needs nvcc, no GPU)
	@cmake --preset cuda > /dev/null
	@cmake --build --preset cuda -j $(JOBS) --target $(CUDA_TARGETS)

gpu-bundle: cuda  ## build/gpu.tgz: checks and measures the CUDA backend where there is a driver (gpu-check)
	@tools/gpu-bundle build/cuda build/gpu

# With clang, lightly optimised: gcc's unoptimised build takes as long to make and longer to run.
UNIT_TESTS := base tensor formats files sensors backend text guard models engine host store convert train eval bench serve grpc
dev:  ## the unit tests under AddressSanitizer and UBSan
	@cmake --preset dev > /dev/null
	@cmake --build --preset dev -j $(JOBS) --target $(UNIT_TESTS:%=%_test)
	@tools/run-tests build/dev-clang -R '^($(subst $() ,|,$(UNIT_TESTS)))$$'

# Without gRPC: Debian's libprotobuf lays its maps out otherwise than its headers do under TSan, and
# libgrpc's own locks are not seen.
tsan:  ## the threaded tests under ThreadSanitizer
	@cmake --preset tsan > /dev/null
	@cmake --build --preset tsan -j $(JOBS) --target base_test backend_test engine_test serve_test golden_test
	@tools/run-tests build/tsan -R '^(base|backend|engine|serve|golden_test)$$'

# Unoptimised: its warnings come before that.
clang:  ## the whole tree with clang, warnings as errors
	@cmake --preset clang > /dev/null && cmake --build --preset clang -j $(JOBS)

NEON_TESTS := base tensor formats sensors backend
neon:  ## the kernels' tests and one answer on 64-bit ARM: cross-built, run under qemu
	@tools/install-deps && tools/install-deps tools/apt-packages-neon.txt
	@tools/unpack-arm64 build/arm64-root
	@cmake --preset neon > /dev/null
	@cmake --build --preset neon -j $(JOBS) --target $(NEON_TESTS:%=%_test) hearth
	@tools/run-tests build/neon -R '^($(subst $() ,|,$(NEON_TESTS))|sum)$$'

SECONDS_EACH ?= 20
fuzz:  ## every fuzz target for SECONDS_EACH seconds
	@cmake --preset fuzz > /dev/null
	@cmake --build --preset fuzz -j $(JOBS) --target fuzz_targets
	@tools/run-fuzz build/fuzz $(SECONDS_EACH)

COVERAGE_TESTS := files text models engine convert eval store guard host
coverage:  ## lines of each reader of outside bytes that the unit tests run: fails under 90 %
	@cmake --preset coverage > /dev/null
	@cmake --build --preset coverage -j $(JOBS) --target $(COVERAGE_TESTS:%=%_test)
	@tools/coverage build/coverage $(COVERAGE_TESTS)

tidy:  ## the house rules: layers, lengths, one format switch
	@python3 tools/tidy

format:  ## rewrite the sources in the house format
	@tools/format

format-check:  ## fail where the format differs
	@tools/format --check

golden:  ## remake tests/golden with Hugging Face transformers (see tools/golden/README.md)
	@python3 tools/golden/make_checkpoints.py && python3 tools/golden/make_gguf.py

install: build  ## install binary, library, headers and the bundled model under PREFIX
	@cmake --build --preset release -j $(JOBS) && cmake --install build --prefix $(or $(PREFIX),/usr/local)

rings:  ## the slow rings whole: all unit tests under the sanitizers, clang, 64-bit ARM
	@$(MAKE) dev && $(MAKE) tsan && $(MAKE) clang && $(MAKE) neon

soak: rings  ## what .ci/run has no time for: the slow rings, a crowd of streams, hours of fuzzing
	@python3 tests/serve_test.py build/hearth . 1000
	@python3 tests/schema_property_test.py build/tests/schema_walks . 1000
	@build/src/hearth/engine/engine_test --gtest_also_run_disabled_tests --gtest_filter="*DISABLED_TenThousand*"
	@build/src/hearth/guard/guard_test --gtest_also_run_disabled_tests --gtest_filter='*DISABLED_AThousandKills*'
	@bench/serving/soak.py --streams 1000 --seconds 600
	@python3 tests/fault_test.py build/hearth . 500
	@AUDIT_KILLS=100 python3 tests/audit_test.py build/hearth .
	@$(MAKE) fuzz SECONDS_EACH=3600

clean:  ## remove build/
	@rm -rf build
