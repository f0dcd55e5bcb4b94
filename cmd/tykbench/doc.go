// Command tykbench measures the built collector on this machine, with a Redis
// and a PostgreSQL of its own, and writes docs/benchmarks.md.
package main
