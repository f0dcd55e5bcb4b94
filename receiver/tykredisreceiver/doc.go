// Package tykredisreceiver takes Tyk Gateway's analytics records from Redis and
// hands them on as log records, removing them from Redis only when every
// pipeline has stored them.
package tykredisreceiver

//go:generate go tool -modfile=../../tools.mod mdatagen metadata.yaml
