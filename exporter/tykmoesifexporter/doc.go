//go:generate go tool -modfile=../../tools.mod mdatagen metadata.yaml

// Package tykmoesifexporter sends Tyk Gateway's analytics records to Moesif, an event a record.
package tykmoesifexporter
