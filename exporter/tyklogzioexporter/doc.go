//go:generate go tool -modfile=../../tools.mod mdatagen metadata.yaml

// Package tyklogzioexporter sends Tyk Gateway's analytics records to Logz.io, as the lines of JSON that Tyk Pump sends.
package tyklogzioexporter
