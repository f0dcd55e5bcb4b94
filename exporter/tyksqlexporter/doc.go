//go:generate go tool -modfile=../../tools.mod mdatagen metadata.yaml

// Package tyksqlexporter stores Tyk Gateway's analytics records in PostgreSQL, MySQL
// or SQLite, in the tables that Tyk Dashboard reads, each record exactly once.
package tyksqlexporter
