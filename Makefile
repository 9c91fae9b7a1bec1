# make quickstart   install what is missing, build, train the embedded default, say whether to ship it
# make test         all tests (release)            make lint     formatting, as CI checks it
# make soak         the long variants of the tests      make fuzz     all readers of outside input (SECONDS=60 each)
# make bench        speed and memory; PEERS=venv puts PyTorch beside it
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := build
.PHONY: build dependencies quickstart banking77 gsm8k-preference test soak fuzz format lint bench clean

SWIFT ?= swift
HONE := .build/release/hone
PACKAGES := libopenblas-dev libzstd-dev
TICKETS := datasets/tickets

build: dependencies
	$(SWIFT) build -c release --product hone

# Debian's packages, installed only where they are missing.
dependencies:
	@missing=""; for package in $(PACKAGES); do \
	  dpkg-query -W -f='$${Status}' $$package 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$package"; done; \
	if [ -n "$$missing" ]; then \
	  echo "installing$$missing"; sudo=$$([ "$$(id -u)" = 0 ] || echo sudo); \
	  $$sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -qq $$missing >/dev/null; fi

quickstart: build
	$(HONE) data tickets -o $(TICKETS)
	$(HONE) tokenizer train $(TICKETS)/train.jsonl --vocabulary-size 2048 \
	  --chat-template recipes/quickstart/chat_template.jinja -o $(TICKETS)/tokenizer
	$(HONE) data build $(TICKETS)/preference.jsonl -o $(TICKETS)/preference --shuffle-seed 42 --overwrite
	$(HONE) train recipes/quickstart/sft.yaml --overwrite
	$(HONE) train recipes/quickstart/dpo.yaml --overwrite
	$(HONE) train recipes/quickstart/warm.yaml --overwrite
	$(HONE) train recipes/quickstart/rft.yaml --overwrite
	@for run in quickstart quickstart-dpo quickstart-rft; do echo; echo "$$run"; $(HONE) gate runs/$$run; done
	@echo; echo "ask it yourself:"
	@echo '  echo "my parcel is late, please hurry" | $(HONE) generate --model runs/quickstart --chat --greedy'

# Real data beside the project: a classifier from scratch, judged on its 3,080 test questions.
banking77: build
	$(HONE) tokenizer train ../shared/data/banking77/train.csv --token-per-value category --lowercase \
	  --vocabulary-size 1024 --chat-template recipes/banking77/chat_template.jinja -o datasets/banking77/tokenizer
	$(HONE) train recipes/banking77.yaml --overwrite

# Preferences over real models' solutions of GSM8K beside the project: judged on questions never seen.
gsm8k-preference: build
	$(HONE) data build ../shared/data/gsm8k/preference.jsonl -o datasets/gsm8k-preference --shuffle-seed 42 --overwrite
	$(HONE) train recipes/gsm8k-preference.yaml --overwrite

# Tests of whole processes wait for them, which must not hold up the clocks of the others: they run by themselves.
test: dependencies
	$(SWIFT) build -c release --build-tests
	$(SWIFT) test -c release --skip-build --skip EndToEndTests
	$(SWIFT) test -c release --skip-build --filter EndToEndTests

# Hours rather than minutes: kills, mutations and sandboxes by the hundred.
soak: export HONE_SOAK = 1
soak: test

fuzz: dependencies
	SWIFT=$(SWIFT) Tests/fuzz.sh $(or $(SECONDS),60) $(TARGETS)

format:
	$(SWIFT) format -i -r Package.swift Sources Tests

lint:
	$(SWIFT) format lint --strict -r Package.swift Sources Tests

# OPENBLAS_CORETYPE, where it is set, makes the yardstick leave instructions unused that this processor has.
bench: dependencies
	$(SWIFT) build -c release --product hone-bench
	env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE .build/release/hone-bench $(if $(PEERS),--peers $(PEERS) --markdown BENCHMARKS.md)

clean:
	rm -rf .build
