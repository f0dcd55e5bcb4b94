//go:generate go tool -modfile=../../tools.mod mdatagen metadata.yaml

// Package tykgelfexporter sends Tyk Gateway's analytics records to Graylog, as messages of GELF 1.1 or of
// Tyk Pump's form.
package tykgelfexporter
