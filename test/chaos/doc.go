// Package chaos runs load through the built binary, bin/otelcol-tyk, injects
// faults from a seeded schedule into collectors, Redis and databases meanwhile,
// and then compares every store with what was pushed. `make chaos` runs many
// seeds and writes docs/chaos.md; `make test` runs a short form.
package chaos
