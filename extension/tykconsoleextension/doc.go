// Package tykconsoleextension serves a console for people: what the store holds of the gateway's traffic, and what is
// stuck in Redis and why. Every page is a URL that also answers JSON.
package tykconsoleextension

//go:generate go tool -modfile=../../tools.mod mdatagen metadata.yaml
