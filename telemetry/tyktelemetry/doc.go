// Package tyktelemetry is the collector's own telemetry with a log that stays readable during an outage.
package tyktelemetry
