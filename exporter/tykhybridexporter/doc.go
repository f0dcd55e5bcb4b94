//go:generate go tool -modfile=../../tools.mod mdatagen metadata.yaml

// Package tykhybridexporter sends Tyk Gateway's analytics records, or rollups of them, to Tyk's MDCB, as the pump
// hybrid of Tyk Pump does.
package tykhybridexporter
