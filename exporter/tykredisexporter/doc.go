//go:generate go tool -modfile=../../tools.mod mdatagen metadata.yaml

// Package tykredisexporter pushes what a gateway pushed to Redis on to another list, byte for byte: for a Tyk
// Pump that runs beside, for another site, or on the way back to Tyk Pump.
package tykredisexporter
