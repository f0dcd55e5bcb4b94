# The targets are listed by `make help`.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:

# The Redis that `make run` reads, and the memory it may take beside the mapped binary, with which the jobs
# of the benchmark that have a bound for it stay below 200 MiB.
REDIS ?= localhost:6379
GOMEMLIMIT ?= 160MiB
GOGC ?= 400

# The micro-benchmarks that `make bench` runs, and what else it is told, such as -only raw,nop or -pause 30s.
BENCH ?= .
BENCHFLAGS ?=

# How long `make fuzz` takes for each target.
FUZZ ?= 1m

# How long `make soak` takes.
SOAK ?= 10m

# What tests may take.
UNIT_TIMEOUT ?= 40m
E2E_TIMEOUT ?= 45m

# Tests are linked without what only debuggers need, which is faster (-ldflags=-w). What drives the built binary has no race
# detector, since the binary has none. Tests wait more than they compute: so many packages, and tests end to end, run at once,
# the package that takes longest first. Linkers and unit tests collect garbage less often than is usual, to leave the
# processors to the tests.
AT_ONCE ?= 4
TEST_GOGC ?= 400

# The seeds of `make chaos` are 1 to SEEDS, or only SEED, each with a load of SECONDS.
SEEDS ?= 20
SECONDS ?= 60
SEED ?=

BINARY := bin/otelcol-tyk
COMMAND := bin/tykctl
PUMP := bin/tyk-pump
FERRETDB := bin/ferretdb
MDCB := bin/mdcb
GOAWS := bin/goaws
DISTRIBUTION := cmd/otelcol-tyk
VERSION := $(shell awk '$$1 == "version:" {print $$2}' builder-config.yaml)
LINTER := .tools/golangci-lint
COMPONENTS := receiver processor exporter extension confmap telemetry internal

# All that gets into a binary from folders of this module: sources, what they embed, and the folders
# themselves, so that a removed file counts as a change too.
sources = $(shell find $(1) -name testdata -prune -o ! -name '*_test.go' -print)
SOURCES := $(call sources,$(COMPONENTS))
COMMAND_SOURCES := $(SOURCES) $(call sources,cmd/tykctl cmd/tyk-pump docs)

export OTELCOL_TYK_BINARY := $(abspath $(BINARY))

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: build ## generate traffic, run it through the collector into SQLite, show what happened, and keep the console until Ctrl-C (DEMO_SECONDS)
	@CGO_ENABLED=0 go run -trimpath ./cmd/tykdemo

.PHONY: run
run: build ## run the collector with otelcol-config.yaml; REDIS=host:port names the Redis
	@TYK_REDIS_ADDRESS='$(REDIS)' GOMEMLIMIT='$(GOMEMLIMIT)' GOGC='$(GOGC)' $(BINARY) --config otelcol-config.yaml

.PHONY: build
build: $(BINARY) $(COMMAND) $(PUMP) ## build bin/otelcol-tyk (the first time about five minutes), bin/tykctl and bin/tyk-pump

.PHONY: test
test: build $(FERRETDB) $(MDCB) $(GOAWS) ## all tests with the race detector, then end to end with the built binary
	@scripts/install-test-peers.sh
	CGO_ENABLED=1 GOGC='$(TEST_GOGC)' go test -race -ldflags=-w -p $(AT_ONCE) -timeout $(UNIT_TIMEOUT) ./receiver/... ./...
	GOGC='$(TEST_GOGC)' scripts/fuzz.sh 1000x
	CGO_ENABLED=0 go test -ldflags=-w -timeout $(E2E_TIMEOUT) -tags e2e -count=1 -p 1 -parallel $(AT_ONCE) ./test/...
	cd test/console && CGO_ENABLED=0 go test -count=1 -timeout $(E2E_TIMEOUT) -artifacts -outputdir "$(abspath bin)" .

# Each seed also starts servers, drains, for up to 20 minutes, and checks, and has time to fail.
chaos_timeout = $$(( ($(if $(SEED),1,$(SEEDS)) * ($(SECONDS) + 1500)) + 1800 ))s

.PHONY: chaos
chaos: build $(FERRETDB) $(MDCB) ## faults under load for SEEDS seeds of SECONDS each, or for one SEED; writes docs/chaos.md
	@scripts/install-test-peers.sh
	@mkdir -p bin/chaos
	CGO_ENABLED=0 go test -tags chaos -artifacts -outputdir bin/chaos -count=1 -timeout $(chaos_timeout) -v ./test/chaos -seconds $(SECONDS) \
		$(if $(SEED),-run TestSeeds -seed $(SEED),-seeds $(SEEDS) -report '$(abspath docs/chaos.md)')

.PHONY: lint
lint: $(LINTER) ## static analysis and formatting, as .golangci.yml says
	$(LINTER) run ./...
	$(LINTER) fmt --diff

.PHONY: newest
newest: ## slabs and records with the newest pdata and the processors that change records
	cd internal/slab/newest && go test -count=1 . github.com/otelcol-tyk/otelcol-tyk/internal/slab github.com/otelcol-tyk/otelcol-tyk/internal/analytics

.PHONY: generate
generate: $(LINTER) ## regenerate what mdatagen makes from metadata.yaml, and format everything
	go generate ./...
	$(LINTER) fmt

.PHONY: bench
bench: build $(FERRETDB) ## the table of docs/benchmarks.md: micro-benchmarks, then the built binary beside its limits
	@scripts/install-test-peers.sh
	go test -run '^$$' -bench '$(BENCH)' -benchmem ./... | tee bin/micro-benchmarks.txt
	go run ./cmd/tykbench -micro bin/micro-benchmarks.txt -gomemlimit '$(GOMEMLIMIT)' -gogc '$(GOGC)' $(BENCHFLAGS)

.PHONY: pgo
pgo: build ## profile the benchmark's jobs into cmd/otelcol-tyk/default.pgo, which the next build uses by itself
	@rm -rf bin/pgo && mkdir -p bin/pgo
	go run ./cmd/tykbench -only raw,rollups,tracked,nop -runs 1 -gomemlimit '$(GOMEMLIMIT)' -gogc '$(GOGC)' -profile-dir bin/pgo -output bin/pgo/benchmarks.md
	go tool pprof -proto $(BINARY) bin/pgo/*.cpu.pprof >$(DISTRIBUTION)/default.pgo

.PHONY: soak
soak: build ## a steady 5,000 records/s into three groups for SOAK, with the console open: memory and the like stay flat; writes docs/soak.md
	@scripts/install-test-peers.sh
	go run ./cmd/tykbench soak -duration '$(SOAK)' -gomemlimit '$(GOMEMLIMIT)' -gogc '$(GOGC)'

.PHONY: fuzz
fuzz: ## each fuzz target for FUZZ, such as every night
	@scripts/fuzz.sh '$(FUZZ)'

.PHONY: clean
clean: ## remove what was built
	rm -rf bin .tools $(DISTRIBUTION)/*.go $(DISTRIBUTION)/slim

$(BINARY): $(SOURCES) go.mod go.sum $(wildcard $(DISTRIBUTION)/default.pgo) $(DISTRIBUTION)/components.go $(DISTRIBUTION)/go.mod $(DISTRIBUTION)/go.sum
	@echo 'building $@ (from nothing this takes about five minutes and 5 GB of memory)'
	@cd $(DISTRIBUTION) && CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '-s -w' -o '$(abspath $@)' .
	@touch $@

$(COMMAND) $(PUMP): $(COMMAND_SOURCES) go.mod go.sum builder-config.yaml
	@echo 'building $@'
	@CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '-s -w -X main.version=$(VERSION)' -o $@ ./cmd/$(notdir $@)
	@touch $@

# A server of MongoDB's protocol for tests, of a module of its own. It has the versions of the distribution where both
# need a module, and the same flags, so that little is left to compile.
$(FERRETDB): $(wildcard internal/peers/ferretdb/*)
	@echo 'building $@'
	@cd internal/peers/ferretdb && CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '-s -w' -tags ferretdb_no_postgresql \
		-o '$(abspath $@)' .
	@touch $@

# A server of Tyk's RPC for tests, of a module of its own, since it and our client cannot be in one program.
$(MDCB): $(wildcard internal/peers/mdcb/*)
	@echo 'building $@'
	@cd internal/peers/mdcb && CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '-s -w' -o '$(abspath $@)' .
	@touch $@

# A server of Amazon SQS for tests, of a module of its own, since its libraries are no part of the product.
$(GOAWS): $(wildcard internal/peers/goaws/*)
	@echo 'building $@'
	@cd internal/peers/goaws && CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '-s -w' -o '$(abspath $@)' .
	@touch $@

$(DISTRIBUTION)/components.go: builder-config.yaml tools.mod tools.sum scripts/distribution.sh
	@scripts/distribution.sh generate

$(LINTER): golangci-lint.mod golangci-lint.sum
	@echo 'building $@'
	@CGO_ENABLED=0 go build -modfile=golangci-lint.mod -trimpath -buildvcs=false -ldflags '-s -w' -o $@ \
		github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	@touch $@

include packaging/packaging.mk
