# Everything is built and tested with the same flags; docs/adr/0003 says why.
export GOFLAGS     := -tags=duckdb_arrow -buildvcs=false
export GOTOOLCHAIN := local
export CGO_ENABLED := 1

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X trunkline/internal/app.Version=$(VERSION)
LINT    := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.5.0
# Each package has its own servers; two at a time suit two processors.
TEST    := go test -p 2 -timeout 15m

.DEFAULT_GOAL := help
.PHONY: help build demo demo-once test test-matrix race soak fuzz bench lint fmt golden docs clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build bin/trunkline
	go build -ldflags '$(LDFLAGS)' -o bin/trunkline ./cmd/trunkline

demo: build ## a shop with live traffic, replicated into demo/shop.duckdb; Ctrl-C ends it
	@bin/trunkline demo

demo-once: build ## the demo for 20 seconds, then compare source and destination row by row
	@bin/trunkline demo --once

test: ## all tests, on the oldest and the newest PostgreSQL
	$(TEST) ./...

test-matrix: ## all tests that replicate, on PostgreSQL 12 to 18
	TRUNKLINE_TEST_PG=12,13,14,15,16,17,18 $(TEST) -timeout 60m ./internal/source/... ./internal/pipeline/... ./internal/pg/...

race: ## all tests with the race detector
	$(TEST) -race -timeout 60m ./...

soak: ## TPC-B at scale 20, four clients, ten kills in a minute
	TRUNKLINE_SOAK=1 $(TEST) -run TestKilledUnderLoad -v -count 1 ./internal/pipeline

fuzz: ## each fuzz target for a minute
	@for target in $$(grep -rlE '^func Fuzz' --include='*_test.go' internal | xargs -n1 dirname | sort -u); do \
	  for name in $$(grep -hoE '^func Fuzz\w+' $$target/*_test.go | cut -c6-); do \
	    echo "$$target $$name"; go test ./$$target -run '^$$' -fuzz "^$$name$$" -fuzztime 1m -fuzzminimizetime 1x || exit 1; \
	  done; done

bench: ## measure against the limits of this machine; writes bench/RESULTS.md
	go run ./bench

lint: ## run golangci-lint (fetched by the go command)
	go run $(LINT) run ./...

fmt: ## format the code
	go run $(LINT) fmt ./...

golden: ## write the golden files and the generated pages of docs/reference anew
	go test $$(grep -rl 'flag.Bool("update"' --include='*_test.go' internal | xargs -n1 dirname | sort -u | sed 's|^|./|') -update

clean: ## remove what was built
	rm -rf bin demo
