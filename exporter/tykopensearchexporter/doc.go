//go:generate go tool -modfile=../../tools.mod mdatagen metadata.yaml

// Package tykopensearchexporter stores Tyk Gateway's analytics records in OpenSearch and Elasticsearch, as the
// documents of Tyk Pump.
package tykopensearchexporter
