// Package krakend holds tests of the krakend receiver and the tykinflux exporter together,
// against a real InfluxDB and what a real KrakenD wrote there.
package krakend
