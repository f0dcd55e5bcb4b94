// Package traffic plays a Tyk Gateway: it makes analytics records that look like
// a real gateway's, and pushes them to Redis the way a gateway does. The demo,
// cmd/tykgen, benchmarks and tests share it.
package traffic
