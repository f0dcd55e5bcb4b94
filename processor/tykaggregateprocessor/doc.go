// Package tykaggregateprocessor turns Tyk analytics records into the rollups that
// Tyk Dashboard draws.
package tykaggregateprocessor

//go:generate go tool -modfile=../../tools.mod mdatagen metadata.yaml
