// Package krakendreceiver reads the statistics of a KrakenD API gateway, its extended
// metrics, and hands them on as metrics.
package krakendreceiver

//go:generate go tool -modfile=../../tools.mod mdatagen metadata.yaml
