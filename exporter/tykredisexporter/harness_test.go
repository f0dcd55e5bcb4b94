package tykredisexporter

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

// The lists that tests push to, and their names.
const (
	listName = "tyk-system-analytics"
	list     = "pump-" + listName
)

// start starts an exporter to an address, without retries.
func start(t *testing.T, address string, host component.Host, change func(*Config)) exporter.Logs {
	t.Helper()
	config := createDefaultConfig().(*Config)
	config.Addresses, config.KeyPrefix, config.Retry.Enabled = []string{address}, "pump-", false
	change(config)
	return sinktest.Start(t, NewFactory(), config, host)
}

func asIs(*Config) {}

// retrying tries again soon.
func retrying(c *Config) {
	c.Retry.Enabled, c.Retry.InitialInterval, c.Retry.MaxInterval = true, time.Millisecond, 10*time.Millisecond
}

// delivery is what a receiver pushes: log records, with the entries that they were made of.
type delivery struct {
	logs    plog.Logs
	entries map[analytics.UID]analytics.Entry
}

func newDelivery() *delivery {
	d := &delivery{logs: plog.NewLogs(), entries: map[analytics.UID]analytics.Entry{}}
	analytics.AppendScope(d.logs)
	return d
}

// Entry finds an entry.
func (*delivery) Release() {}

func (d *delivery) Entry(uid analytics.UID) (analytics.Entry, bool) {
	entry, ok := d.entries[uid]
	return entry, ok
}

// add adds an entry of a segment, as a log record that tells nothing but its identity.
func (d *delivery) add(from, segment string, index int64, entry string) *delivery {
	uid := analytics.UID{Segment: segment, Index: index}
	log := d.logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().AppendEmpty()
	log.SetEventName(analytics.EventEntry)
	log.Attributes().PutStr(analytics.AttrUID, uid.String())
	d.entries[uid] = analytics.Entry{List: from, Bytes: []byte(entry)}
	return d
}

// numbered has entries of a segment from first to last, which are their numbers.
func numbered(segment string, first, last int64) *delivery {
	d := newDelivery()
	for i := first; i <= last; i++ {
		d.add(listName, segment, i, strconv.FormatInt(i, 10))
	}
	return d
}

// to pushes it.
func (d *delivery) to(ctx context.Context, e exporter.Logs) error {
	return e.ConsumeLogs(analytics.WithEntries(ctx, d), d.logs)
}

func numbers(first, last int) []string {
	all := []string{}
	for i := first; i <= last; i++ {
		all = append(all, strconv.Itoa(i))
	}
	return all
}

// content is what a list has.
func content(t *testing.T, client redis.Cmdable, key string) []string {
	t.Helper()
	all, err := client.LRange(t.Context(), key, 0, -1).Result()
	require.NoError(t, err)
	return all
}
