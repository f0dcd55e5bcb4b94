// Package push is one push taken apart: its records, what became of each in each table,
// and the spans of identities that the ledger remembers.
package push
