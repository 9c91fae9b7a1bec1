# make quickstart   install what is missing, build, train the embedded default, show before and after
# make test         all tests (release)            make lint     formatting, as CI checks it
# make bench        speed and memory; PEERS=venv puts PyTorch beside it
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := build
.PHONY: build dependencies quickstart test format lint bench clean

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
	$(HONE) tokenizer train $(TICKETS)/train.jsonl --recipe recipes/quickstart/sft.yaml --if-missing
	$(HONE) train recipes/quickstart/sft.yaml --overwrite

test: dependencies
	$(SWIFT) test -c release -Xswiftc -warnings-as-errors

format:
	$(SWIFT) format -i -r Package.swift Sources Tests

lint:
	$(SWIFT) format lint --strict -r Package.swift Sources Tests

bench: dependencies
	$(SWIFT) build -c release --product hone-bench
	env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE .build/release/hone-bench $(if $(PEERS),--peers $(PEERS))

clean:
	rm -rf .build
