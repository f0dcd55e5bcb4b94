// Package stdsql is what drivers over database/sql share: a session, the ledger's
// statements, and inserts of many rows.
package stdsql
