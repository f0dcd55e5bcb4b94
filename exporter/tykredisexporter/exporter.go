package tykredisexporter

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tykredisexporter/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
)

// errNoEntries asks for another attempt: nothing is lost, and it ends once the configuration is right.
var errNoEntries = errors.New("log records come without the entries that they were made of, which wait until that is mended: " +
	"let them come from a tykredis receiver of this process, without batch, groups or queues between")

// leastForget is how long a list counts as one that takes nothing, beyond the time of two attempts.
const leastForget = 2 * time.Minute

// redisExporter pushes entries to lists of one Redis.
type redisExporter struct {
	config    *Config
	set       exporter.Settings
	telemetry *metadata.TelemetryBuilder
	health    sink.Health
	troubles  troubles

	client redis.UniversalClient
	lists  lists
}

// lists are those of one Redis.
type lists interface {
	Push(ctx context.Context, to *claim.Target, runs []claim.Run) (claim.Pushed, error)
}

func newRedisExporter(config *Config, set exporter.Settings) (*redisExporter, error) {
	builder, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, fmt.Errorf("set up own metrics: %w", err)
	}
	return &redisExporter{
		config: config, set: set, telemetry: builder, troubles: troubles{forget: leastForget + 2*config.Retry.MaxInterval},
	}, nil
}

// start makes the client. A Redis that is away is waited for, where that shows.
func (e *redisExporter) start(ctx context.Context, host component.Host) error {
	e.health.Start(host, e.set.Logger)
	client, err := e.config.Client(ctx)
	if err != nil {
		return fmt.Errorf("start the tykredis exporter: %w", err)
	}
	e.client, e.lists = client, claim.NewStore(client)
	return nil
}

// shutdown ends what was begun. The helper calls it after the last push.
func (e *redisExporter) shutdown(context.Context) error {
	e.health.Stop()
	e.telemetry.Shutdown()
	if e.client == nil {
		return nil
	}
	return e.client.Close()
}

// pushLogs pushes the entries of log records. Its error is either permanent and names the records that are refused,
// everything else being there, or it asks for another attempt.
func (e *redisExporter) pushLogs(ctx context.Context, logs plog.Logs) error {
	entries := analytics.EntriesOf(ctx)
	if entries == nil {
		e.health.Report(errNoEntries)
		return errNoEntries
	}
	replays := sink.Replays{Retention: e.config.Remember, Key: "remember", Destination: e.set.ID.String()}
	return replays.Push(logs, func(logs plog.Logs) error { return e.push(ctx, logs, entries) },
		func(records int) { e.countRefused(ctx, map[sink.Reason]int64{sink.ReasonForgotten: int64(records)}) })
}

func (e *redisExporter) push(ctx context.Context, logs plog.Logs, entries analytics.Entries) error {
	sorted, refusals, err := sortEntries(logs, entries)
	away := false // the server does not do what it is asked, whatever the list
	for _, to := range sorted {
		pushed, fault := e.lists.Push(ctx, e.target(to.list), to.runs)
		e.telemetry.ExporterTykredisPushedEntries.Add(ctx, pushed.New)
		e.telemetry.ExporterTykredisKnownEntries.Add(ctx, pushed.Known)
		if fault != nil {
			fault = e.explain(fault)
			err = errors.Join(err, fault)
		}
		if away = fault != nil && !isOfList(fault); away {
			break
		}
		e.troubles.note(to.list, fault)
	}
	switch {
	case errors.Is(err, errNoEntries):
		e.health.Report(errNoEntries) // which is one trouble, whatever the record
	case away:
		e.health.Report(err)
	case len(sorted) > 0: // else nothing is learned of the server
		e.health.Report(e.troubles.err())
	}
	if err != nil || len(refusals) == 0 {
		return err
	}
	e.countRefused(ctx, sink.CountReasons(refusals))
	records := make([]analytics.RefusedRecord, len(refusals))
	for i, r := range refusals {
		records[i] = analytics.RefusedRecord{UID: analytics.UID{Index: int64(r.Entry)}, Reason: r.String(), Destination: e.set.ID.String()}
	}
	return consumererror.NewPermanent(&analytics.RefusedError{Records: records})
}

func (e *redisExporter) countRefused(ctx context.Context, counts map[sink.Reason]int64) {
	for reason, n := range counts {
		e.telemetry.ExporterTykredisRefusedRecords.Add(ctx, n, metric.WithAttributes(attribute.String("reason", string(reason))))
	}
}

// explain adds what can be done about an error.
func (e *redisExporter) explain(err error) error {
	switch {
	case errors.Is(err, claim.ErrListFull):
		return fmt.Errorf("%w: let what reads the list take some, or raise max_list_entries (%d)", err, e.config.MaxListEntries)
	case errors.Is(err, claim.ErrOwnSource):
		return fmt.Errorf("%w: choose another key_prefix, or another Redis", err)
	default:
		return e.config.Explain(err)
	}
}

// target is a list of this exporter's. Gateways let only those of requests in msgpack expire.
func (e *redisExporter) target(list string) *claim.Target {
	key, expiry := e.config.KeyPrefix+list, e.config.Expiry
	if list == analytics.UptimeName {
		key = analytics.UptimeListBehind(e.config.Uptime.KeyPrefix)
	}
	if list == analytics.UptimeName || strings.HasSuffix(list, analytics.ProtobufSuffix) {
		expiry = 0
	}
	return claim.NewTarget(key, expiry, claim.PushSettings{
		MaxEntries: e.config.MaxListEntries, Remember: max(e.config.Remember, time.Minute), WaitForReplicas: e.config.WaitForReplicas,
	})
}
