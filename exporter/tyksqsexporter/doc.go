//go:generate go tool -modfile=../../tools.mod mdatagen metadata.yaml

// Package tyksqsexporter sends Tyk Gateway's analytics records to Amazon SQS, in messages of Tyk Pump's form.
package tyksqsexporter
