//go:generate go tool -modfile=../../tools.mod mdatagen metadata.yaml

// Package tykstatsdexporter sends Tyk Gateway's analytics records to StatsD and to DogStatsD,
// as metrics of Tyk Pump's names.
package tykstatsdexporter
