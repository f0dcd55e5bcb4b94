package tykredisexporter

import (
	"context"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tykredisexporter/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

// undecided has lists of a decider in the place of a Redis.
type undecided struct {
	exporter.Logs

	e     *redisExporter
	lists *decider
}

// Start has the check's lists pushed to.
func (u undecided) Start(ctx context.Context, host component.Host) error {
	err := u.Logs.Start(ctx, host)
	u.e.lists = u.lists
	return err
}

// ConsumeLogs gives each log record an identity, and an entry.
func (u undecided) ConsumeLogs(ctx context.Context, logs plog.Logs) error {
	logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).Attributes().PutStr(analytics.AttrUID, "00aa.1.x-0")
	return u.Logs.ConsumeLogs(analytics.WithEntries(ctx, anything{}), logs)
}

// anything has an entry for each identity.
type anything struct{}

func (anything) Release() {}

func (anything) Entry(analytics.UID) (analytics.Entry, bool) {
	return analytics.Entry{List: listName, Bytes: []byte("entry")}, true
}

// decider is a Redis that takes entries, or fails, as the check decides.
type decider struct {
	mu     sync.Mutex // guards the field below
	decide func() error
}

func (d *decider) set(decide func() error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.decide = decide
}

// Push takes each entry by itself.
func (d *decider) Push(_ context.Context, _ *claim.Target, runs []claim.Run) (pushed claim.Pushed, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, run := range runs {
		for range run.Entries {
			if err := d.decide(); err != nil {
				return pushed, err
			}
			pushed.New++
		}
	}
	return pushed, nil
}

func TestConsumeContract(t *testing.T) {
	t.Parallel()
	server := &decider{}
	config := createDefaultConfig().(*Config)
	config.Retry.InitialInterval, config.Retry.MaxInterval = time.Millisecond, 5*time.Millisecond
	sinktest.CheckContract(t, config, metadata.Type,
		func(ctx context.Context, set exporter.Settings, cfg component.Config) (exporter.Logs, error) {
			e, err := newRedisExporter(cfg.(*Config), set)
			if err != nil {
				return nil, err
			}
			logs, err := e.logs(ctx, set)
			return undecided{Logs: logs, e: e, lists: server}, err
		}, server.set)
}
