// Package krakend names the metrics that are made of a KrakenD's statistics, for those
// who make them and those who store them.
package krakend
