package tykcsvexporter

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tykcsvexporter/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

// disk fails as the check decides: it has a file in the place of the directory meanwhile.
type disk struct {
	dir    string
	mu     sync.Mutex // guards the fields below
	decide func() error
	stored int
}

// push writes into the directory what the check pushes.
func (d *disk) push(e *csvExporter) consumer.ConsumeLogsFunc {
	return func(ctx context.Context, logs plog.Logs) error {
		d.mu.Lock()
		defer d.mu.Unlock()
		log := logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
		err := d.decide()
		switch {
		case err == nil:
			d.stored++
		case consumererror.IsPermanent(err):
			log.SetEventName("other") // the one thing that is refused for good
		default:
			aside := d.dir + ".aside"
			if err := os.Rename(d.dir, aside); err != nil {
				return err
			}
			if err := os.WriteFile(d.dir, nil, 0o600); err != nil {
				return err
			}
			defer func() { _ = os.Rename(aside, d.dir) }()
			defer func() { _ = os.Remove(d.dir) }()
		}
		return e.pushLogs(ctx, logs)
	}
}

func TestConsumeContract(t *testing.T) {
	t.Parallel()
	d := &disk{dir: filepath.Join(t.TempDir(), "csv")}
	config := createDefaultConfig().(*Config)
	config.Dir, config.Columns = d.dir, columnsTyk
	config.Retry.InitialInterval, config.Retry.MaxInterval = time.Millisecond, 5*time.Millisecond
	sinktest.CheckContract(t, config, metadata.Type,
		func(ctx context.Context, set exporter.Settings, cfg component.Config) (exporter.Logs, error) {
			e, err := newCSVExporter(cfg.(*Config), set)
			if err != nil {
				return nil, err
			}
			return e.logs(ctx, set, d.push(e))
		}, func(decide func() error) {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.decide = decide
		})
	content, err := os.ReadFile(filepath.Join(d.dir, "2023-November-14-22.csv"))
	require.NoError(t, err)
	assert.Len(t, rawRows(t, content), d.stored+1, "each row once, and the header")
}
