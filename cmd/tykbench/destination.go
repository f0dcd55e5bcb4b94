package main

import (
	"context"
	"fmt"
)

// destination is where the collector stores records.
type destination interface {
	// name is for people.
	name() string
	// exporter gives the exporter's type and its configuration in YAML.
	exporter() (name, config string)
	// fresh makes an empty store for the next measurement.
	fresh(ctx context.Context) error
	// check fails unless there are so many rows.
	check(ctx context.Context, rows int64) error
	// bulk gives the rows per second of the store's own way to load many rows, of
	// those that the last drain stored, into a table like the collector's; 0 where
	// there is none.
	bulk(ctx context.Context) (float64, error)
}

// checkRows compares a count of rows with what must be there.
func checkRows(stored int64, err error, want int64) error {
	if err == nil && stored != want {
		err = fmt.Errorf("the table has %d rows, not %d", stored, want)
	}
	return err
}

// nowhere takes records and forgets them: what remains is the work of the receiver
// and the processor.
type nowhere struct{}

func (nowhere) name() string { return "none (`nop`)" }

func (nowhere) exporter() (name, config string) { return "nop", "" }

func (nowhere) fresh(context.Context) error { return nil }

func (nowhere) check(context.Context, int64) error { return nil }

func (nowhere) bulk(context.Context) (float64, error) { return 0, nil }
