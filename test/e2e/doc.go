// Package e2e drives the built binary, bin/otelcol-tyk, against real Redis and
// database servers. Its tests have the build tag e2e; `make test` runs them.
package e2e
