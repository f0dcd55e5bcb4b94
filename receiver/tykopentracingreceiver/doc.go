// Package tykopentracingreceiver takes the spans that Tyk Gateway sends to a Jaeger agent
// over UDP, and makes of them what newer gateways send over OTLP.
package tykopentracingreceiver

//go:generate go tool -modfile=../../tools.mod mdatagen metadata.yaml
