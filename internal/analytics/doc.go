// Package analytics is the one place that knows Tyk Gateway's analytics record:
// its fields, its two wire forms (msgpack and protobuf), its identity, and its
// form as an OpenTelemetry log record.
package analytics

//go:generate go test -count=1 -run TestThePageIsMadeOfTheTable -update .
