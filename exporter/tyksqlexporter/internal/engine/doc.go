// Package engine stores a push in one transaction, each record once: it looks into the
// ledger, sends, isolates what the database refuses, records and commits. A database is a
// Driver.
package engine
