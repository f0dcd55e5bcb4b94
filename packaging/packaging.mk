# What is published: packages, images, charts and what comes with them.

ARCHITECTURES := amd64 arm64
PACKAGES := bin/packages
PACKAGE_TOOLS := packaging/tools
HOST_ARCHITECTURE := $(shell go env GOARCH)

# Times in packages and images are those of the last commit, so that two builds are the same bytes.
export SOURCE_DATE_EPOCH ?= $(shell git -c safe.directory='$(CURDIR)' log -1 --format=%ct 2>/dev/null || echo 0)

# Each tool has a modfile of its own, whose only tool it is.
.tools/%: $(PACKAGE_TOOLS)/%.mod $(PACKAGE_TOOLS)/%.sum
	@echo 'building $@'
	@CGO_ENABLED=0 go build -modfile=$< -trimpath -buildvcs=false -ldflags '-s -w' -o $@ tool
	@touch $@

# The programs for each architecture. For that of this machine they are those of `make build`.
define programs
bin/$(1)/otelcol-tyk: $$(BINARY)
bin/$(1)/tykctl: $$(COMMAND)
bin/$(1)/tyk-pump: $$(PUMP)
bin/$(1)/%:
	@mkdir -p $$(@D)
	$(if $(filter $(HOST_ARCHITECTURE),$(1)),@ln -f bin/$$* $$@,@echo 'building $$@'
	@rm -f $$@
	@cd $$(if $$(filter otelcol-tyk,$$*),$$(DISTRIBUTION) && GOOS=linux GOARCH=$(1) CGO_ENABLED=0 go build -trimpath -buildvcs=false \
		-ldflags '-s -w' -o '$$(abspath $$@)' .,cmd/$$* && GOOS=linux GOARCH=$(1) CGO_ENABLED=0 go build -trimpath -buildvcs=false \
		-ldflags '-s -w -X main.version=$$(VERSION)' -o '$$(abspath $$@)' .))
endef
$(foreach architecture,$(ARCHITECTURES),$(eval $(call programs,$(architecture))))

programs_of = bin/$(1)/otelcol-tyk bin/$(1)/tykctl bin/$(1)/tyk-pump
PROGRAMS := $(foreach architecture,$(ARCHITECTURES),$(call programs_of,$(architecture)))

bin/THIRD-PARTY.txt: $(PROGRAMS) packaging/third-party.sh
	@packaging/third-party.sh $(PROGRAMS) >$@

.PHONY: packages
packages: .tools/nfpm $(PROGRAMS) bin/THIRD-PARTY.txt ## .deb, .rpm and .apk for amd64 and arm64, in bin/packages
	@packaging/packages.sh '$(VERSION)' $(PACKAGES) $(ARCHITECTURES)

# The tool is a module of its own, and runs where the repository is.
.tools/image: $(wildcard packaging/image/*)
	@echo 'building $@'
	@cd packaging/image && CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '-s -w' -o '$(abspath $@)' .
	@touch $@

.PHONY: image
image: .tools/image $(PROGRAMS) bin/THIRD-PARTY.txt ## OCI images for amd64 and arm64, as a layout in bin/image
	@.tools/image -version '$(VERSION)' -output bin/image -zoneinfo "$$(go env GOROOT)/lib/time/zoneinfo.zip" \
		$(foreach architecture,$(ARCHITECTURES),$(architecture)=bin/$(architecture))

.PHONY: test-packages
test-packages: packages image $(SLIM) .tools/helm .tools/kubeconform .tools/compose .tools/actionlint ## install, run, upgrade and remove the packages, run the image, check the chart (as root)
	@scripts/install-test-peers.sh
	@scripts/install-package-peers.sh
	CGO_ENABLED=0 go test -tags packages -count=1 -timeout 30m ./test/packages

.PHONY: chart
chart: .tools/helm ## the Helm chart as an archive, in bin/packages
	@.tools/helm package charts/otelcol-tyk --destination $(PACKAGES)

SLIM := bin/otelcol-tyk-slim

.PHONY: slim
slim: $(SLIM) ## build bin/otelcol-tyk-slim, with few stock components

$(SLIM): $(SOURCES) go.mod go.sum $(DISTRIBUTION)/slim/components.go $(DISTRIBUTION)/go.mod $(DISTRIBUTION)/go.sum
	@echo 'building $@'
	@cd $(DISTRIBUTION) && CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '-s -w' -o '$(abspath $@)' ./slim
	@touch $@

$(DISTRIBUTION)/slim/components.go: builder-config.slim.yaml tools.mod tools.sum scripts/distribution.sh
	@scripts/distribution.sh slim
