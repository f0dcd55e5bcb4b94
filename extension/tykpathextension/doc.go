//go:generate go tool -modfile=../../tools.mod mdatagen metadata.yaml

// Package tykpathextension lets a component's HTTP server answer under another path, as a
// middleware of its settings.
package tykpathextension
