// Package rpc calls the functions of Tyk's MDCB, as Tyk Pump does (contract: hybrid-rpc, sections 2 to 4): gob messages
// in both directions of a connection, in one endless stream each, which may be compressed.
package rpc
