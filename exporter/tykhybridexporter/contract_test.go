package tykhybridexporter

import (
	"context"
	"encoding/json"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tykhybridexporter/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

// undecided has a decider called in the place of an MDCB.
type undecided struct {
	exporter.Logs

	e      *hybridExporter
	server *decider
}

// Start has the check's server called.
func (u undecided) Start(ctx context.Context, host component.Host) error {
	err := u.Logs.Start(ctx, host)
	u.e.client = u.server
	return err
}

// decider is an MDCB whose calls are done, or fail, as the check decides.
type decider struct {
	mu     sync.Mutex // guards the field below
	decide func() error
}

func (d *decider) set(decide func() error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.decide = decide
}

// Call takes each record by itself.
func (d *decider) Call(_ context.Context, _, argument string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	var records []json.RawMessage
	if err := json.Unmarshal([]byte(argument), &records); err != nil {
		return err
	}
	for range records {
		if err := d.decide(); err != nil {
			return err
		}
	}
	return nil
}

// Close does nothing.
func (*decider) Close() {}

func TestConsumeContract(t *testing.T) {
	t.Parallel()
	server := &decider{}
	config := createDefaultConfig().(*Config)
	config.APIKey = "secret"
	config.Retry.InitialInterval, config.Retry.MaxInterval = time.Millisecond, 5*time.Millisecond
	sinktest.CheckContract(t, config, metadata.Type,
		func(ctx context.Context, set exporter.Settings, cfg component.Config) (exporter.Logs, error) {
			e, err := newHybridExporter(cfg.(*Config), set)
			if err != nil {
				return nil, err
			}
			logs, err := e.logs(ctx, set)
			return undecided{Logs: logs, e: e, server: server}, err
		}, server.set)
}
