//go:generate go tool -modfile=../../tools.mod mdatagen metadata.yaml

// Package tykkinesisexporter sends Tyk Gateway's analytics records to Amazon Kinesis Data Streams, in Tyk Pump's JSON.
package tykkinesisexporter
