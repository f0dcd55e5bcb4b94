// Package table is what is known about each key of a pump.conf: where it stands, its
// variable, what Tyk Pump does with it and what becomes of it here. What reads, converts
// and explains configurations goes by it, and docs/pump-conf.md is printed from it.
package table
