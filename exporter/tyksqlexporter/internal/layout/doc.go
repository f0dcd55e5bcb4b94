// Package layout is the tables that the exporter writes: which columns they have, of
// which day they are, and how a value of a record reads as text, number or JSON.
package layout
