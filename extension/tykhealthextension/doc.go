// Package tykhealthextension answers whether the collector is ready and whether it lives, from the
// status of its components, and to who asks as of Tyk Pump.
package tykhealthextension

//go:generate go tool -modfile=../../tools.mod mdatagen metadata.yaml
