# Everything a person or a machine does with this tree. The first target answers "make".
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-builtin-rules --no-print-directory
.DEFAULT_GOAL := help

export CGO_ENABLED := 0
# The version comes from git where there is one; a source archive builds as "dev".
VERSION  := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
BUILD     = go build -trimpath -buildvcs=false -ldflags '-s -w -X main.version=$(VERSION)' $(SMALL) $(TAGS)
# Nothing is inlined: 1.1 MB less on the card, 0.6 MB less in memory, for an eighth of a signature's time.
SMALL     = -gcflags=all=-l
# No HTTP/2, which nothing here speaks: 450 kB.
TAGS      = -tags nethttpomithttp2
FUZZTIME ?= 60s
BENCHTIME ?= 1s
SEEDS     ?= 2000

# The go tool's patterns pass over a directory that begins with a dot.
TOOLS  := ./.ci/check ./.ci/footprint
UNITS   = $(shell go list ./... | grep -v -e '/daemon/e2e$$' -e '/daemon/world$$' -e '/store/powercut$$') $(TOOLS)
E2E     = $(wildcard daemon/e2e)
# The race detector needs a C compiler and a 64-bit machine.
RACE   := $(if $(filter amd64 arm64,$(shell go env GOARCH)),-race)
# The tests of the store that write from several goroutines. The others have one, are six
# times slower under the detector, and run without it.
ABREAST := Together|AtOnce|Concurrent|BackupUnderLoad|StoreIsItsModel
# What is about time has the machine to itself, without the detector.
ALONE   := ^TestSeeds$$
SIZED   = build/qrposd-linux-arm64 build/qrposd-linux-armv7 build/qrposd-linux-armv6 build/qrposd-linux-amd64

.PHONY: demo test test-gateways check sim soak endure bench seeds build cross test-arm crash-long fuzz help

demo: build ## The whole till on this machine: simulated payments, models, scanner and customer
	build/qrposd demo

test: ## All tests, with the race detector; installs the Debian packages they need
	@.ci/need chromium:chromium zbarimg:zbar-tools ZXingReader:zxing-cpp-tools systemd-analyze:systemd \
		$(if $(RACE),gcc:gcc /usr/include/stdlib.h:libc6-dev)
	CGO_ENABLED=$(if $(RACE),1,0) go test $(RACE) -count=1 -timeout 8m -skip '$(ALONE)' $(filter-out qrposd/store,$(UNITS))
	go test -count=1 -timeout 8m -run '$(ALONE)' ./daemon
	$(if $(RACE),CGO_ENABLED=1 go test $(RACE) -count=1 -timeout 8m -run '$(ABREAST)' ./store)
	go test -count=1 -timeout 8m ./store
	$(if $(E2E),go test -count=1 -timeout 20m ./daemon/e2e)
	go test -count=1 -timeout 10m -v ./store/powercut
	GOGC=1600 go test -count=1 -timeout 20m -v ./daemon/world | grep -v -e '^=== ' -e '^  *---'

check: ## Format, vet, staticcheck, layers, budgets, generated files, modules; silent where all is well
	@unformatted=$$(go tool gofumpt -l .); [ -z "$$unformatted" ] || { echo "not formatted:" $$unformatted; exit 1; }
	@go vet ./... $(TOOLS)
	@go vet $(TAGS),till ./daemon/qrposd
	@go tool staticcheck ./... $(TOOLS)
	@go test -count=1 -run '^TestLayers' ./daemon
	@go run ./.ci/check
	@go generate ./...
	@go mod tidy -diff
	@go mod verify >/dev/null
	@git diff --exit-code

bench: build cross ## Benchmarks of every package, sizes of the binaries, what the daemon costs at rest
	go test -run '^$$' -bench . -benchmem -benchtime $(BENCHTIME) ./...
	@go run ./.ci/footprint -max 10000000 build/qrposd-linux-arm64
	@go run ./.ci/footprint $(filter-out build/qrposd-linux-arm64,$(SIZED))
	@.ci/atrest

seeds: ## What context, key, deadline, watching and reading are worth, measured; SEEDS=10000 is the long run
	@mkdir -p build
	@QRPOSD_SEEDS=$(SEEDS) go test -count=1 -timeout 40m -v -run '^TestSeeds$$' ./daemon >build/seeds.log || { cat build/seeds.log; exit 1; }
	@grep -E '^(row|[1-6] | +- )' build/seeds.log
	@go test -count=1 -v -run '^TestCorpus' ./rules/explain | grep -E 'F1|FAIL|^ok'

build: ## build/qrposd for this machine
	$(BUILD) -o build/qrposd ./daemon/qrposd

cross: ## Stripped static binaries for the boxes tills are made of, without the simulator, into build/
	GOOS=linux GOARCH=arm64 $(BUILD),till -o build/qrposd-linux-arm64 ./daemon/qrposd
	GOOS=linux GOARCH=arm GOARM=7 $(BUILD),till -o build/qrposd-linux-armv7 ./daemon/qrposd
	GOOS=linux GOARCH=arm GOARM=6 $(BUILD),till -o build/qrposd-linux-armv6 ./daemon/qrposd
	GOOS=linux GOARCH=amd64 $(BUILD),till -o build/qrposd-linux-amd64 ./daemon/qrposd

crash-long: ## Pulls the plug at 200,000 moments of the file and 5,000 of an ext4 under it
	QRPOSD_POWERCUT=200000 go test -count=1 -timeout 60m -v ./store/powercut
	QRPOSD_FLIP_STEP=1 go test -count=1 -timeout 60m -v -run '^TestEveryByteOfAStoreFlips$$' ./store

endure: ## A year of sales, a million of them (SALES=1000000): what a sale, a start and the files cost on the way
	QRPOSD_ENDURE=$(or $(SALES),1000000) QRPOSD_ENDURE_CHECK=1 go test -count=1 -timeout 24h -v -run '^TestEndures$$' ./store

sim: ## Two tills in simulated time: all that happens follows from SEED (SALES=200 of them)
	QRPOSD_SIM_SEED=$(or $(SEED),1) GOGC=1600 QRPOSD_SIM_SALES=$(or $(SALES),200) go test -count=1 -timeout 10m -v -run '^TestWorld$$' ./daemon/world

soak: ## The same for SEEDS seeds, beginning with SEED
	QRPOSD_SIM_SEED=$(or $(SEED),1) QRPOSD_SIM_SEEDS=$(SEEDS) GOGC=1600 QRPOSD_SIM_SALES=$(or $(SALES),200) go test -count=1 -timeout 24h -v -run '^TestWorld$$' ./daemon/world

test-arm: ## The tests of rules, store and scanner as ARM machine code, under an emulator
	@.ci/need qemu-arm-static:qemu-user-static qemu-aarch64-static:qemu-user-static
	GOOS=linux GOARCH=arm GOARM=7 go test -exec qemu-arm-static -count=1 -timeout 15m ./rules/... ./store ./store/archive ./store/ledger ./store/queue ./store/record ./hw/scanner
	GOOS=linux GOARCH=arm64 go test -exec qemu-aarch64-static -count=1 -timeout 15m ./rules/... ./store ./store/archive ./store/ledger ./store/queue ./store/record ./hw/scanner

# The version is pinned: its timeouts and guards are what the tests are about. It listens on
# this machine only and is gone afterwards.
test-gateways: ## Portkey's gateway, from npm, between the till and simulated models
	@.ci/need node:nodejs npm:npm
	@dir=$$(mktemp -d); trap 'rm -rf "$$dir"' EXIT; \
	npm install --prefix "$$dir" --ignore-scripts --no-audit --no-fund --silent @portkey-ai/gateway@1.15.2; \
	go vet -tags gateways ./daemon; \
	PORTKEY_GATEWAY="$$dir/node_modules/@portkey-ai/gateway" go test -tags gateways -count=1 -timeout 2m -run '^TestGateway$$' -v ./daemon

fuzz: ## Every fuzz target for FUZZTIME (60s)
	@grep -rHo --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' daemon hw rules store systemd | while IFS=: read -r file fn; do \
		echo "$$(dirname "$$file") $${fn#func }"; \
		go test -run '^$$' -fuzz "^$${fn#func }$$" -fuzztime $(FUZZTIME) "./$$(dirname "$$file")" </dev/null || exit 1; \
	done

help: ## This list
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/\1\t\2/p' Makefile | while IFS=$$'\t' read -r name text; do printf '%-13s %s\n' "$$name" "$$text"; done
