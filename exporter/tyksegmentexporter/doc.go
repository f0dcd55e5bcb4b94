//go:generate go tool -modfile=../../tools.mod mdatagen metadata.yaml

// Package tyksegmentexporter sends Tyk Gateway's analytics records to Segment, an event a record.
package tyksegmentexporter
