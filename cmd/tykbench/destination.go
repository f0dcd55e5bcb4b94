package main

import (
	"context"
	"fmt"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/traffic"
)

// destination is where the collector brings records.
type destination interface {
	// pipeline is the collector's configuration.
	pipeline() pipeline
	// traffic is what it gets, and in which wire form.
	traffic() (traffic.Settings, traffic.Serializer)
	// counts tells how much a record adds to what check finds.
	counts(record *analytics.Record) int64
	// fresh makes an empty store for the next measurement, and removes the last one.
	fresh(ctx context.Context) error
	// settled waits, where that takes a while, until it shows what it got, of which
	// want is as much as counts has it. The collector still runs.
	settled(ctx context.Context, want int64) error
	// check fails unless there is so much, as counts has it.
	check(ctx context.Context, want int64) error
}

// pipeline is the collector's configuration of a way from Redis to a destination.
type pipeline struct {
	signal     string // logs or metrics
	receiver   string // what tykredis has beside its address, in YAML's flow style
	processors string // their names
	exporter   string // its type
	config     string // the exporter's, in YAML's flow style
}

// requests are what most destinations get: request records through the filter, as in
// the shipped configuration.
type requests struct{}

func (requests) traffic() (traffic.Settings, traffic.Serializer) {
	return traffic.DefaultSettings(), traffic.Msgpack
}

// counts leaves out those that have a table of their own.
func (requests) counts(record *analytics.Record) int64 {
	if record.MCP.IsMCP {
		return 0
	}
	return 1
}

func (requests) settled(context.Context, int64) error { return nil }

func (requests) stored(exporter, config string) pipeline {
	return pipeline{signal: "logs", processors: "tykfilter", exporter: exporter, config: config}
}

// checkRows compares a count of rows with what must be there.
func checkRows(stored int64, err error, want int64) error {
	if err == nil && stored != want {
		err = fmt.Errorf("the table has %d rows, not %d", stored, want)
	}
	return err
}

// nowhere takes records and forgets them: what remains is the work of the receiver.
type nowhere struct{ requests }

// pipeline makes small chunks: no store is there to be spared transactions, and what is
// still in a processor's cache is read again fastest.
func (nowhere) pipeline() pipeline {
	return pipeline{signal: "logs", receiver: "chunk_size: 1000", exporter: "nop"}
}

func (nowhere) fresh(context.Context) error { return nil }

func (nowhere) check(context.Context, int64) error { return nil }
