# Jumpring. `make run` shows the hub at its main job, `make test` proves it. docs/testing.md says what each target
# covers and how long it takes.

GO      ?= go
BIN     := bin/jumpring
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
TOOL    := $(GO) tool -modfile=tools/go.mod

.PHONY: build run demo deb test test-short test-race test-chaos test-soak test-cluster bench lint generate clean

build: ## bin/jumpring, one static file
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN) ./cmd/jumpring

run: build ## the hub at its main job: two shops, a till, a trading day
	$(BIN) demo

demo: build ## the same, once, with its figures as JSON
	$(BIN) demo --once --output json

deb: build ## bin/jumpring.deb: program, unit, configuration (dpkg-deb)
	configs/debian/build.sh $(BIN) $(VERSION) $$(dpkg --print-architecture) bin/jumpring.deb

test: build ## what CI runs: every test, with the race detector; RabbitMQ from AMQP_URL or a private broker
	$(GO) test -race -timeout 40m ./...
	$(GO) test -timeout 10m -count=1 -run '^TestF[1-9]' ./bus/rabbit

test-short: ## without the long properties and the tests of whole processes
	$(GO) test -short -timeout 10m ./...

test-race: test

test-chaos: build ## kills and power failures at length
	STRESS_TEST_COUNT=5 $(GO) test -timeout 20m -run 'TestUniversal' -count=1 ./bus/rabbit
	JUMPRING_ROUNDS=200 JUMPRING_SEEDS=100000 \
	$(GO) test -timeout 30m -run 'Chaos|Crash|Control|Queues' -count=1 -v ./bus/embedded/... ./bus/queue/...
	JUMPRING_ROUNDS=50 JUMPRING_SEEDS=20 JUMPRING_HUB_SEEDS=200 JUMPRING_PIECES=20000 \
	$(GO) test -timeout 60m -run 'Chaos|Crash|Commut|NothingIsWritten|Twice|Runbook' -count=1 -v ./core/router/... ./cmd/jumpring/...
	JUMPRING_TRUTH_SEEDS=300 $(GO) test -timeout 60m -run 'OneTruth' -count=1 -v ./core/router
	JUMPRING_SWEEP_SEEDS=50 $(GO) test -timeout 30m -run 'TestSweep' -count=1 -v ./cmd/jumpring
	JUMPRING_KIT_FULL=1 $(GO) test -timeout 20m -run 'EachFault' -count=1 ./plugins/conformance

test-soak: ## a million events that wait, ten million that are folded; JUMPRING_SOAK=0.1 runs a tenth
	JUMPRING_SOAK=$${JUMPRING_SOAK:-1} $(GO) test -timeout 3h -run Soak -count=1 -v ./core/hub

test-cluster: ## brokers in a cluster that are killed, frozen, partitioned and wiped; a quiet machine
	JUMPRING_CLUSTER=1 $(GO) test -timeout 30m -run 'Cluster|AKilledBroker' -count=1 -v ./bus/rabbit/... ./core/ingress ./cmd/jumpring

bench: build ## speed as ratios against a limit measured in the same run
	$(GO) run ./bench
	$(GO) test -run '^$$' -bench Append -benchtime 2x ./bus/rabbit/stream
	$(GO) test -run '^$$' -bench Ingest -benchtime 1x ./core/ingress

lint: ## vet, gofumpt, staticcheck
	$(GO) vet ./...
	@out="$$($(TOOL) gofumpt -l $$(git ls-files '*.go' | grep -v '\.pb\.go$$'))"; if [ -n "$$out" ]; then echo "not gofumpt'ed:"; echo "$$out"; exit 1; fi
	$(TOOL) staticcheck ./...

generate: ## the protocol's Go code, the schemas and the pages made from code
	$(GO) generate ./...

clean:
	rm -rf bin
