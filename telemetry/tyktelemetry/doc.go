// Package tyktelemetry is the collector's own telemetry with a log that stays readable during an outage. It also gives
// back the memory that only starting needs, since it is the one component that every configuration has.
package tyktelemetry
