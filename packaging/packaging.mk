# What is published: packages, images, charts and what comes with them.

ARCHITECTURES := amd64 arm64
PACKAGES := bin/packages
SLIM := bin/otelcol-tyk-slim
PACKAGE_TOOLS := packaging/tools
comma := ,
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
	@rm -f $(PACKAGES)/*.deb $(PACKAGES)/*.rpm $(PACKAGES)/*.apk
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

# Which tests of packages run, and how they are started. Those with the build tag machines boot a Debian and run containers,
# as root; those with the tag release need large tools, and what takes long to make.
PACKAGE_TESTS ?= .
export PACKAGE_ARCHITECTURES = $(ARCHITECTURES)
test_packages = CGO_ENABLED=0 go test -tags packages$(1) -count=1 -timeout 40m -run '$(PACKAGE_TESTS)' ./test/packages
LIGHT_TOOLS := $(addprefix .tools/,actionlint compose crane kubeconform)

.PHONY: check-files
check-files: ARCHITECTURES := $(HOST_ARCHITECTURE)
check-files: ## packages, image and slim distribution for this architecture, the manifests and the workflows, without installing or running anything
	@$(MAKE) --no-print-directory packages image $(SLIM) $(LIGHT_TOOLS) ARCHITECTURES=$(ARCHITECTURES)
	@scripts/install-package-peers.sh files
	$(call test_packages)

.PHONY: check-packages
check-packages: ARCHITECTURES := $(HOST_ARCHITECTURE)
check-packages: ## check-files, then the packages installed, run, upgraded and removed, and the image run (as root)
	@$(MAKE) --no-print-directory packages image $(SLIM) $(LIGHT_TOOLS) ARCHITECTURES=$(ARCHITECTURES)
	@scripts/install-test-peers.sh
	@scripts/install-package-peers.sh
	$(call test_packages,$(comma)machines)

.PHONY: test-packages
test-packages: packages image sbom $(SLIM) $(LIGHT_TOOLS) .tools/helm ## check-packages for both architectures, with the chart and the licences
	@scripts/install-test-peers.sh
	@scripts/install-package-peers.sh
	$(call test_packages,$(comma)machines$(comma)release)

.PHONY: manifests
manifests: .tools/helm ## what the chart makes of its value files, which is committed in test/packages/testdata
	CGO_ENABLED=0 go test -tags packages,release -count=1 -run TestTheChartMakesWhatIsCommitted ./test/packages -update

.PHONY: check-goreleaser
check-goreleaser: .tools/goreleaser ## whether .goreleaser.yaml is valid; the tool takes many minutes to build
	.tools/goreleaser check

.PHONY: chart
chart: .tools/helm ## the Helm chart as an archive, in bin/packages
	@.tools/helm package charts/otelcol-tyk --destination $(PACKAGES)

.PHONY: slim
slim: $(SLIM) ## build bin/otelcol-tyk-slim, with few stock components

$(SLIM): $(SOURCES) go.mod go.sum $(DISTRIBUTION)/default.pgo $(DISTRIBUTION)/slim/components.go $(DISTRIBUTION)/go.mod $(DISTRIBUTION)/go.sum
	@echo 'building $@'
	@cd $(DISTRIBUTION) && CGO_ENABLED=0 go build -pgo default.pgo -trimpath -buildvcs=false -ldflags '-s -w' -o '$(abspath $@)' ./slim
	@touch $@

$(DISTRIBUTION)/slim/components.go: builder-config.slim.yaml tools.mod tools.sum scripts/distribution.sh
	@scripts/distribution.sh slim

# Licences are found in the module cache, which takes a minute or two for the collector.
define lists
$(PACKAGES)/%_$(VERSION)_$(1).cdx.json: bin/$(1)/% .tools/cyclonedx-gomod
	@mkdir -p $$(@D)
	@.tools/cyclonedx-gomod bin -json -noserial -notimestamp -std -licenses -version 'v$(VERSION)' -output '$$@' '$$<'
endef
$(foreach architecture,$(ARCHITECTURES),$(eval $(call lists,$(architecture))))
LISTS := $(foreach architecture,$(ARCHITECTURES),$(foreach program,otelcol-tyk tykctl tyk-pump,$(PACKAGES)/$(program)_$(VERSION)_$(architecture).cdx.json))

.PHONY: sbom
sbom: $(LISTS) ## a CycloneDX list of the modules in each program and of their licences, in bin/packages

.PHONY: release
release: packages image chart slim sbom ## all that a release publishes, with archives and SHA256SUMS, in bin/packages
	@for architecture in $(ARCHITECTURES); do \
		tar --create --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$$SOURCE_DATE_EPOCH" --directory "bin/$$architecture" otelcol-tyk tykctl tyk-pump \
			| gzip -9n >"$(PACKAGES)/otelcol-tyk_$(VERSION)_linux_$$architecture.tar.gz"; \
	done
	@cp bin/THIRD-PARTY.txt $(PACKAGES)/
	@cd $(PACKAGES) && rm -f SHA256SUMS && sha256sum -- * >SHA256SUMS
