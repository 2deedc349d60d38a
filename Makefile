# Everything is built and tested with the same flags; see docs/adr/0002.
export GOFLAGS      := -tags=duckdb_arrow -buildvcs=false
export GOTOOLCHAIN  := local
export CGO_ENABLED  := 1

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X trunkline/internal/app.Version=$(VERSION)

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## build bin/trunkline
	go build -ldflags '$(LDFLAGS)' -o bin/trunkline ./cmd/trunkline

.PHONY: demo
demo: build ## a shop with live traffic, replicated into demo/shop.duckdb; Ctrl-C ends it
	bin/trunkline demo
