// Package tykfilterprocessor passes on the Tyk analytics records that a
// destination is meant to have, with the fields that it is meant to see.
package tykfilterprocessor

//go:generate go tool -modfile=../../tools.mod mdatagen metadata.yaml
