package tykmongoexporter

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.uber.org/zap"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tykmongoexporter/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
)

// startTimeout bounds how long the start waits for a database that does not answer.
// The first write then prepares what the start could not.
const startTimeout = 5 * time.Second

// store is one database. Its methods may be called from several goroutines.
type store interface {
	// begin starts what goes on in the background until close.
	begin()
	// open connects, and makes the collections whose names are known. It may be
	// called again after a failure; writes do what it could not.
	open(ctx context.Context) error
	// write stores the batch, collection by collection, and refuses in it what the
	// database does not take. When it fails, the collections that did not fail are
	// stored; the next attempt finds them so.
	write(ctx context.Context, b *batch) error
	// close ends all connections. Nothing may be called after it.
	close(ctx context.Context) error
}

// mongoExporter stores what it is pushed.
type mongoExporter struct {
	id        string // as the configuration names it
	config    *Config
	kinds     []*collectionKind
	logger    *zap.Logger
	telemetry *telemetry
	store     store
	health    sink.Health
	replays   sink.Replays
}

func newMongoExporter(config *Config, set exporter.Settings) (*mongoExporter, error) {
	builder, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, fmt.Errorf("set up own metrics: %w", err)
	}
	kinds := config.enabledKinds()
	counters := newTelemetry(builder, &config.Collections)
	return &mongoExporter{
		id: set.ID.String(), config: config, kinds: kinds, logger: set.Logger, telemetry: counters,
		store:   newStore(config, kinds, set.Logger, counters),
		replays: sink.Replays{Retention: config.Retention, Key: "retention", Destination: set.ID.String(), RollupsOnly: true},
	}, nil
}

// start prepares the database. Only files that the configuration names and that
// cannot be read fail it; a database that does not answer is waited for.
func (e *mongoExporter) start(ctx context.Context, host component.Host) error {
	if e.config.ownTLS() {
		if _, err := e.config.TLS.LoadTLSConfig(ctx); err != nil {
			return fmt.Errorf("start the tykmongo exporter: tls: %w", err)
		}
	}
	e.health.Start(host, e.logger)
	e.telemetry.firsts.Start(e.logger)
	opening, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	err := e.store.open(opening)
	e.health.Report(err)
	e.store.begin()
	if err == nil {
		e.logger.Info("ready to store records", zap.String("collections", e.describe()))
	}
	return nil
}

// describe lists the kinds of collections for people.
func (e *mongoExporter) describe() string {
	names := make([]string, len(e.kinds))
	for i, k := range e.kinds {
		names[i] = k.describe(&e.config.Collections)
	}
	return strings.Join(names, ", ")
}

// describe names the collections of a kind.
func (k *collectionKind) describe(c *CollectionsConfig) string {
	name := k.setting(c).Name
	if k.perOrganisation {
		name += "<organisation>"
	}
	if k.mixed != nil && k.mixed(c) != "" {
		name += ", " + k.mixed(c)
	}
	return name
}

// shutdown ends what start began. The helper calls it after the last push.
func (e *mongoExporter) shutdown(ctx context.Context) error {
	e.health.Stop()
	return e.store.close(ctx)
}

// push stores the records. Its error is either permanent and names the records
// that are refused, everything else being stored, or it asks for another attempt.
func (e *mongoExporter) push(ctx context.Context, logs plog.Logs) error {
	return e.replays.Push(logs, func(logs plog.Logs) error { return e.storeAll(ctx, logs) }, func(n int) { e.telemetry.refused(ctx, sink.ReasonForgotten, int64(n)) })
}

// storeAll stores what the store cannot have forgotten.
func (e *mongoExporter) storeAll(ctx context.Context, logs plog.Logs) error {
	b := newBatch(logs, e.kinds, e.config)
	defer b.release()
	err := errors.Join(b.wiring, b.addGroups(logs, e.kinds))
	if !b.empty() {
		began := time.Now()
		err = errors.Join(err, e.store.write(ctx, b))
		e.telemetry.duration(ctx, time.Since(began))
	}
	if err != nil || !b.empty() {
		e.health.Report(err)
	}
	if err != nil {
		return fmt.Errorf("store %d records and %d groups of rollups: %w", len(b.entries), len(b.groups), err)
	}
	e.telemetry.finished(ctx, b)
	return b.refusedError(e.id)
}
