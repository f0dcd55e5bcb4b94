package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/compare"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/mongorows"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/report"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/rows"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/sqlrows"
)

// comparison is the flags of a comparison.
type comparison struct {
	options      compare.Options
	tables       string
	from, to     moment
	lag          time.Duration
	pumpLog, out string
	json         bool
	// complete makes rows that one side lacks a difference, too.
	complete bool
}

// newComparison declares the flags. What is captured is compared as a whole, everything else by time.
func newComparison(f *flag.FlagSet, byTime bool) *comparison {
	c := &comparison{options: compare.Defaults()}
	f.StringVar(&c.tables, "tables", "", "only these `tables`, with commas between")
	if byTime {
		f.Var(&c.from, "from", "only what is of this `time` or later: RFC 3339, or an age such as 90m or 2d")
		f.Var(&c.to, "to", "only what is before this `time`, written the same way")
		f.DurationVar(&c.lag, "lag", 0, "leave out what is younger, since one side may not have stored it yet: at least twice purge_delay, and what tykctl status shows")
	}
	f.DurationVar(&c.options.Step, "window", c.options.Step, "how long the windows are that are compared as a whole first")
	f.DurationVar(&c.options.Shift, "shift", c.options.Shift, "how far Tyk Pump may have booked requests from their bucket: the longest span of time within one of its purges")
	f.IntVar(&c.options.Samples, "samples", c.options.Samples, "how many differences of each kind to show")
	f.Int64Var(&c.options.MinRecords, "min-records", c.options.MinRecords, "how many rows a verdict takes")
	f.IntVar(&c.options.MaxUnit, "max-unit", c.options.MaxUnit, "how many rows of one second, or of rollups, to keep in memory at a time")
	f.StringVar(&c.pumpLog, "pump-log", "", "Tyk Pump's log `file`, whose complaints the report lists")
	f.StringVar(&c.out, "report", "", "write the report to this `file`, as .md, .html or .json says")
	f.BoolVar(&c.json, "json", false, "print JSON")
	return c
}

// prepare checks the flags.
func (c *comparison) prepare() error {
	o := &c.options
	switch {
	case o.Step < time.Second:
		return fmt.Errorf("-window: %s: use at least 1s", o.Step)
	case o.Shift < 0:
		return fmt.Errorf("-shift: %s: use 0 or more", o.Shift)
	case o.Samples < 0:
		return fmt.Errorf("-samples: %d: use 0 or more", o.Samples)
	case o.MaxUnit < 1:
		return fmt.Errorf("-max-unit: %d: use 1 or more", o.MaxUnit)
	case c.lag < 0:
		return fmt.Errorf("-lag: %s: use 0 or more", c.lag)
	}
	if c.tables != "" {
		o.Tables = strings.Split(c.tables, ",")
	}
	o.Window = rows.Window{From: c.from.Time, To: c.to.Time}
	if closed := time.Now().Add(-c.lag); c.lag > 0 && (o.Window.To.IsZero() || closed.Before(o.Window.To)) {
		o.Window.To = closed
	}
	if w := o.Window; !w.From.IsZero() && !w.To.IsZero() && !w.From.Before(w.To) {
		return fmt.Errorf("-from: %s is not before -to %s: there is nothing to compare", w.From.Format(time.RFC3339), w.To.Format(time.RFC3339))
	}
	switch filepath.Ext(c.out) {
	case ".md", ".html", ".json", "":
		return nil
	default:
		return fmt.Errorf("-report: %q: end it with .md, .html or .json", c.out)
	}
}

// run compares two stores and tells.
func (c *comparison) run(ctx context.Context, at console, there, here rows.Store, configSum string) (int, error) {
	result, err := compare.Stores(ctx, there, here, c.options)
	if err != nil {
		return exitFailed, err
	}
	return c.tell(at, result, configSum)
}

// tell writes the report, and gives the exit status.
func (c *comparison) tell(at console, result *compare.Result, configSum string) (int, error) {
	r := report.New(result, version, time.Now())
	r.Config = configSum
	var trouble error // does not keep back what was found, which may have taken an hour
	if c.pumpLog != "" {
		var err error
		if r.Log, err = readLog(c.pumpLog); err != nil {
			trouble = fmt.Errorf("-pump-log: %w", err)
		}
	}
	if c.out != "" {
		if err := writeReport(c.out, r); err != nil {
			trouble = errors.Join(trouble, fmt.Errorf("-report: %w", err))
		}
	}
	status := r.Status()
	if c.complete && r.Verdict == compare.Lost {
		status = exitTrouble
	}
	if c.json {
		return status, errors.Join(r.JSON(at.stdout), trouble)
	}
	return status, errors.Join(r.Markdown(at.stdout), trouble)
}

func readLog(name string) (lines []report.LogLine, err error) {
	file, err := os.Open(name) //nolint:gosec // the operator's own file
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return report.ReadLog(file)
}

func writeReport(name string, r *report.Report) (err error) {
	const private = 0o600
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, private) //nolint:gosec // the operator's own file
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	write := map[string]func(io.Writer) error{".html": r.HTML, ".json": r.JSON}[filepath.Ext(name)]
	if write == nil {
		write = r.Markdown
	}
	return write(file)
}

// storeHelp and databaseHelp say how a store is named; a database is one that speaks SQL.
const (
	storeHelp    = "`store`: postgres:DSN, mysql:DSN, sqlite:FILE, mongodb://..." + orVariable
	databaseHelp = "`database`: postgres:DSN, mysql:DSN, sqlite:FILE" + orVariable
	orVariable   = ", or env:VARIABLE that holds one of these, since arguments show in the list of processes"
)

// datasourceOf takes apart what a flag names.
func datasourceOf(c console, name, value string) (driver, datasource string, err error) {
	if variable, ok := strings.CutPrefix(value, "env:"); ok {
		value = c.env(variable)
		if value == "" {
			return "", "", fmt.Errorf("-%s: the variable %s is not set", name, variable)
		}
	}
	driver, datasource, _ = strings.Cut(value, ":")
	switch driver {
	case sqlrows.MySQL, sqlrows.SQLite:
		return driver, datasource, nil
	case "mongodb", "mongodb+srv":
		return "mongo", value, nil
	case sqlrows.Postgres, "postgresql":
		if strings.HasPrefix(datasource, "//") {
			datasource = value
		}
		return sqlrows.Postgres, datasource, nil
	case "":
		return "", "", fmt.Errorf("-%s: is missing: name a store, such as postgres://tyk@localhost/tyk_analytics", name)
	}
	return "", "", fmt.Errorf("-%s: the value (not shown, it may hold a password) is no store: begin it with postgres:, mysql:, sqlite:, mongodb:// or env: as the help says", name)
}

// openStore opens what a flag names.
func openStore(ctx context.Context, c console, name, value string) (rows.Store, error) {
	driver, datasource, err := datasourceOf(c, name, value)
	if err != nil {
		return nil, err
	}
	store, err := openDriver(ctx, driver, datasource)
	if err != nil {
		return nil, fmt.Errorf("-%s: %w", name, err)
	}
	return store, nil
}

// openDriver opens a store whose kind is known.
func openDriver(ctx context.Context, driver, datasource string) (rows.Store, error) {
	if driver == "mongo" {
		return mongorows.Open(ctx, datasource)
	}
	return sqlrows.Open(ctx, driver, datasource)
}

// compareCommand compares what Tyk Pump stored with what we did.
func compareCommand(f *flag.FlagSet) action {
	pump := f.String("pump", "", "Tyk Pump's "+storeHelp)
	ours := f.String("ours", "", "otelcol-tyk's store, named the same way")
	c := newComparison(f, true)
	return func(ctx context.Context, at console, _ *connection, _ []string) (status int, err error) {
		if err := c.prepare(); err != nil {
			return exitFailed, err
		}
		there, err := openStore(ctx, at, "pump", *pump)
		if err != nil {
			return exitFailed, err
		}
		defer func() { err = errors.Join(err, there.Close()) }()
		here, err := openStore(ctx, at, "ours", *ours)
		if err != nil {
			return exitFailed, err
		}
		defer func() { err = errors.Join(err, here.Close()) }()
		return c.run(ctx, at, there, here, "")
	}
}
