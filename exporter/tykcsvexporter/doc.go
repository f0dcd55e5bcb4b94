//go:generate go tool -modfile=../../tools.mod mdatagen metadata.yaml

// Package tykcsvexporter appends Tyk Gateway's analytics records to CSV files, one for each hour of
// records, in Tyk Pump's columns. Each record is there once.
package tykcsvexporter
