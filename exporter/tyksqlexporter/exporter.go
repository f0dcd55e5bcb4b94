package tyksqlexporter

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.uber.org/zap"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/engine"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/mysql"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/postgres"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/push"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/rollups"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/sqlite"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rollup"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
)

// startTimeout bounds how long the start waits for a database that does not
// answer. The first write then prepares what the start could not.
const startTimeout = 5 * time.Second

// sqlExporter stores what it is pushed.
type sqlExporter struct {
	id        string // as the configuration names it
	config    *Config
	tables    []layout.Table
	logger    *zap.Logger
	rollups   rollups.Tables
	telemetry *telemetry
	store     *engine.Store
	health    sink.Health
	replays   sink.Replays

	rollupWrites rollups.GroupCommit

	stop    context.CancelFunc // ends the background work
	working sync.WaitGroup
}

func newSQLExporter(config *Config, set exporter.Settings) (*sqlExporter, error) {
	builder, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, fmt.Errorf("set up own metrics: %w", err)
	}
	tables := config.enabledTables()
	e := &sqlExporter{
		id: set.ID.String(), config: config, tables: tables, rollups: rollups.NewTables(tables), logger: set.Logger,
		telemetry: newTelemetry(builder, tables),
		replays:   sink.Replays{Retention: config.Ledger.Retention, Key: "ledger::retention", Destination: set.ID.String()},
	}
	if e.store, err = newStore(config, set.Logger); err != nil {
		return nil, err
	}
	e.rollupWrites = rollups.GroupCommit{Write: e.store.WriteRollups, Tables: e.rollups}
	return e, nil
}

// newStore opens nothing yet.
func newStore(config *Config, logger *zap.Logger) (*engine.Store, error) {
	set := engine.Settings{
		Datasource: string(config.Datasource), MaxOpenConns: config.MaxOpenConns, Indexes: config.Indexes,
		Tables: config.enabledTables(), Calendar: config.calendar(), Logger: logger,
	}
	var s engine.Driver
	var err error
	switch config.Driver {
	case driverSQLite:
		s, err = sqlite.New(set)
	case driverPostgres:
		s, err = postgres.New(set, config.Postgres.PreferSimpleProtocol)
	case driverMySQL:
		s, err = mysql.New(set, config.MySQL.TLS)
	default:
		err = config.validateDatasource()
	}
	if err != nil {
		return nil, err
	}
	return engine.NewStore(s, set), nil
}

// start prepares the database. It never fails: a start that fails would stop all other
// pipelines. What an operator has to mend, such as a table of other columns, the status
// says, and records wait for it, as they do for a database that does not answer.
func (e *sqlExporter) start(ctx context.Context, host component.Host) error {
	e.health.Start(host, e.logger)
	e.telemetry.begin(ctx)
	e.telemetry.firsts.Start(e.logger)
	opening, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	err := e.store.Open(opening)
	e.health.Report(err)
	if err == nil {
		e.logger.Info("ready to store records", zap.String("driver", e.config.Driver), zap.String("tables", layout.NamesOf(e.tables)))
	}
	e.begin(context.WithoutCancel(ctx))
	return nil
}

// shutdown ends what start began. The helper calls it after the last push.
func (e *sqlExporter) shutdown(context.Context) error {
	if e.stop != nil {
		e.stop()
	}
	e.working.Wait()
	e.rollupWrites.Close()
	e.health.Stop()
	return e.store.Close()
}

// push stores the records. Its error is either permanent and names the records
// that are refused, everything else being stored, or it asks for another attempt.
func (e *sqlExporter) push(ctx context.Context, logs plog.Logs) error {
	return e.replays.Push(logs, func(logs plog.Logs) error { return e.storeAll(ctx, logs) }, func(n int) { e.telemetry.refused(ctx, sink.ReasonForgotten, int64(n)) })
}

// storeAll stores what the store cannot have forgotten.
func (e *sqlExporter) storeAll(ctx context.Context, logs plog.Logs) error {
	groups, err := sink.Rollups(logs)
	if err != nil {
		e.health.Report(err)
		return err
	}
	if len(groups) == 0 {
		return e.pushRecords(ctx, logs)
	}
	err = e.pushRollups(ctx, groups)
	if len(groups) == logs.ResourceLogs().Len() || isTransient(err) {
		return err
	}
	// An error that asks for another attempt must not stand beside a permanent one,
	// which would speak for both. The attempt refuses again what is refused now.
	other := e.pushRecords(ctx, logs)
	if isTransient(other) {
		return other
	}
	return errors.Join(err, other)
}

// isTransient says that an error asks for another attempt.
func isTransient(err error) bool { return err != nil && !consumererror.IsPermanent(err) }

// pushRecords stores what is no rollup.
func (e *sqlExporter) pushRecords(ctx context.Context, logs plog.Logs) error {
	b := push.NewBatch(logs, layout.OfRecords(e.tables)...)
	defer b.Release()
	if !b.Empty() {
		if err := e.write(ctx, b, func() error {
			if len(b.Parts) > 0 {
				if err := e.store.Write(ctx, b); err != nil {
					return err
				}
			}
			return b.Misrouted()
		}); err != nil {
			return err
		}
	}
	e.telemetry.count(ctx, b)
	return b.RefusedError(e.id)
}

// pushRollups stores groups, each once.
func (e *sqlExporter) pushRollups(ctx context.Context, groups []rollup.Group) error {
	if err := e.rollups.Misrouted(); err != nil {
		e.health.Report(err)
		return err
	}
	b := rollups.NewBatch(e.rollups, groups)
	if len(b.Pending()) > 0 {
		if err := e.write(ctx, b, func() error { return e.rollupWrites.Store(ctx, b) }); err != nil {
			return err
		}
		if err := b.OverlapError(); err != nil {
			return err
		}
	}
	e.telemetry.countRollups(ctx, b)
	return b.RefusedError(e.id)
}

// write makes an attempt to store something.
func (e *sqlExporter) write(ctx context.Context, what interface{ Describe() string }, store func() error) error {
	began := time.Now()
	err := store()
	e.telemetry.builder.ExporterTyksqlWriteDuration.Record(ctx, time.Since(began).Seconds())
	if !errors.Is(err, engine.ErrRaced) { // which says nothing about the database
		e.health.Report(err)
	}
	if err != nil {
		return fmt.Errorf("store %s in %s: %w", what.Describe(), layout.NamesOf(e.tables), err)
	}
	return nil
}
