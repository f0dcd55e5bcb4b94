// Package newest tries slabs, and records, with the newest pdata and the newest filter, attributes
// and transform processors. It is a module of its own, so that the program's versions stay.
//
//	go test . github.com/otelcol-tyk/otelcol-tyk/internal/slab github.com/otelcol-tyk/otelcol-tyk/internal/analytics
package newest
