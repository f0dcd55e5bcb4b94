//go:generate go tool -modfile=../../tools.mod mdatagen metadata.yaml

// Package tykresurfaceexporter sends Tyk Gateway's analytics records to Resurface (Graylog API Security), as its loggers do.
package tykresurfaceexporter
