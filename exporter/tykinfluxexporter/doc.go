//go:generate go tool -modfile=../../tools.mod mdatagen metadata.yaml

// Package tykinfluxexporter stores Tyk Gateway's analytics records and a KrakenD's
// statistics in InfluxDB 1 and 2, in the measurements of Tyk Pump and of KrakenD.
package tykinfluxexporter
