package tykhybridexporter

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tykhybridexporter/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tykhybridexporter/internal/rpc"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
	"github.com/otelcol-tyk/otelcol-tyk/internal/socket"
)

// The functions that take records, and rollups.
const (
	purgeRecords = ".PurgeAnalyticsData"
	purgeRollups = ".PurgeAnalyticsDataAggregated"
	purgeMCP     = ".PurgeAnalyticsDataMCPAggregated"
)

// What is remembered of calls, in bytes and for how long.
const (
	rememberedBytes = 8 << 20
	rememberedFor   = time.Hour
)

// caller calls functions of MDCB. Its errors are those of rpc.Client.
type caller interface {
	Call(ctx context.Context, function, argument string) error
	Close()
}

// hybridExporter sends what it is pushed to one MDCB.
type hybridExporter struct {
	id        string
	config    *Config
	logger    *zap.Logger
	telemetry *metadata.TelemetryBuilder
	settings  rpc.Settings
	client    caller
	health    sink.Health
	evidence  sink.Evidence
	// Items of unfinished pushes whose calls are over; groups also of finished ones, since a delivery that is
	// repeated for the sake of another destination would count twice.
	recordsOver, groupsOver *sink.Cache[outcome]
}

func newHybridExporter(config *Config, set exporter.Settings) (*hybridExporter, error) {
	builder, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, fmt.Errorf("set up own metrics: %w", err)
	}
	id, err := uuid.NewRandom()
	if err != nil {
		return nil, fmt.Errorf("make an id for MDCB: %w", err)
	}
	return &hybridExporter{
		id: set.ID.String(), config: config, logger: set.Logger, telemetry: builder,
		settings:    rpc.Settings{Dial: config.Address.Dial, Compressed: config.Compression, ID: id.String(), Timeout: config.Timeout.Timeout},
		recordsOver: sink.NewCache[outcome](rememberedBytes, rememberedFor), groupsOver: sink.NewCache[outcome](rememberedBytes, rememberedFor),
	}, nil
}

// start reads certificates. An MDCB that is away is waited for.
func (e *hybridExporter) start(ctx context.Context, host component.Host) error {
	secure, err := socket.TLS(ctx, &e.config.TLS, e.config.Address.Endpoint)
	if err != nil {
		return fmt.Errorf("start the tykhybrid exporter: %w", err)
	}
	if secure == nil {
		e.logger.Warn("the API key and all records travel in the clear, as tls::insecure says", zap.String("endpoint", e.config.Address.Endpoint))
	}
	e.settings.TLS = secure
	e.client = rpc.NewClient(e.settings, string(e.config.APIKey), e.config.RPCPoolSize)
	e.health.Start(host, e.logger)
	return nil
}

// shutdown ends what start began. The helper calls it after the last push.
func (e *hybridExporter) shutdown(context.Context) error {
	e.health.Stop()
	if e.client != nil {
		e.client.Close()
	}
	return nil
}

// pushLogs sends records and rollups. Its error is either permanent and names what is refused, everything else
// being sent, or it asks for another attempt, which sends only what is left.
func (e *hybridExporter) pushLogs(ctx context.Context, logs plog.Logs) error {
	p, err := e.newPush(ctx, logs)
	if err == nil {
		err = p.send(ctx)
	}
	if err != nil || len(p.parcels) > 0 {
		e.health.Report(err)
	}
	if err != nil {
		p.remember()
		return fmt.Errorf("send to MDCB: %w", err)
	}
	p.finish()
	return p.refused(ctx)
}

// call calls a function, and counts what became of it.
func (e *hybridExporter) call(ctx context.Context, function, argument string) error {
	err := e.client.Call(ctx, function, argument)
	label := "answered"
	if _, unknown := errors.AsType[*rpc.OutcomeError](err); unknown {
		label = "unknown"
	} else if err != nil {
		label = "failed"
	}
	e.telemetry.ExporterTykhybridCalls.Add(ctx, 1, metric.WithAttributes(attribute.String("outcome", label)))
	return err
}
