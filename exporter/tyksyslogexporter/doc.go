//go:generate go tool -modfile=../../tools.mod mdatagen metadata.yaml

// Package tyksyslogexporter sends Tyk Gateway's analytics records to syslog, as messages of RFC 5424, of RFC
// 3164 or of Tyk Pump's form.
package tyksyslogexporter
