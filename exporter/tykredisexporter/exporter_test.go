package tykredisexporter

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tykredisexporter/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tykredisexporter/internal/metadatatest"
	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

// Every list of a gateway's keeps its name behind another prefix, and expires where a gateway's own does.
func TestListsKeepTheirNames(t *testing.T) {
	t.Parallel()
	r := peers.StartRedis(t)
	e := start(t, r.Addr(), sinktest.NewHost(), func(c *Config) { c.Uptime.KeyPrefix = "pump-host-checker:" })
	d, want := newDelivery(), map[string]bool{}
	for i, source := range analytics.RequestLists("") {
		d.add(source.Key, fmt.Sprintf("00aa.%d.x", i), 0, source.Key)
		want["pump-"+source.Key] = !source.Protobuf
	}
	d.add(analytics.UptimeName, "00aa.100.x", 0, analytics.UptimeName)
	want["pump-host-checker:tyk-uptime-analytics"] = false
	require.Len(t, want, 23)
	require.NoError(t, d.to(t.Context(), e))
	for key, expires := range want {
		all := content(t, r.Client(), key)
		require.Len(t, all, 1, key)
		assert.True(t, len(all[0]) > 10 && key[len(key)-len(all[0]):] == all[0], "%s: %s", key, all[0])
		ttl, err := r.Client().TTL(t.Context(), key).Result()
		require.NoError(t, err)
		if expires {
			assert.InDelta(t, time.Minute, ttl, float64(10*time.Second), key)
		} else {
			assert.Negative(t, ttl, key)
		}
	}
}

// What came is what goes, whatever its bytes are, and in its order.
func TestEntriesAreNotChanged(t *testing.T) {
	t.Parallel()
	r := peers.StartRedis(t)
	e := start(t, r.Addr(), sinktest.NewHost(), asIs)
	d, want := newDelivery(), []string{}
	for _, wire := range []string{"msgpack", "protobuf"} {
		for _, entry := range sinktest.GoldenEntries(t, wire) {
			want = append(want, string(entry))
			d.add(listName, "00aa.1.x", int64(len(want)), string(entry))
		}
	}
	for _, odd := range []string{"", "\x00", "\xff\xfe", "no record"} {
		want = append(want, odd)
		d.add(listName, "00aa.1.x", int64(len(want)), odd)
	}
	d.logs.MarkReadOnly()
	require.NoError(t, d.to(t.Context(), e))
	assert.Equal(t, want, content(t, r.Client(), list))
}

func TestWhatComesAgainIsNotPushedAgain(t *testing.T) {
	t.Parallel()
	r := peers.StartRedis(t)
	one, other := start(t, r.Addr(), sinktest.NewHost(), asIs), start(t, r.Addr(), sinktest.NewHost(), asIs)
	require.NoError(t, numbered("00aa.1.x", 0, 99).to(t.Context(), one))
	require.NoError(t, numbered("00aa.1.x", 50, 149).to(t.Context(), other), "another process, in another cut")
	assert.Equal(t, numbers(0, 149), content(t, r.Client(), list))
	require.NoError(t, numbered("00aa.2.x", 150, 151).to(t.Context(), one))
	assert.Equal(t, numbers(0, 151), content(t, r.Client(), list))
}

func TestCountsOfWhatIsPushed(t *testing.T) {
	t.Parallel()
	r, tel := peers.StartRedis(t), componenttest.NewTelemetry()
	set := exportertest.NewNopSettings(metadata.Type)
	set.TelemetrySettings = tel.NewTelemetrySettings()
	config := createDefaultConfig().(*Config)
	config.Addresses, config.KeyPrefix, config.Retry.Enabled = []string{r.Addr()}, "pump-", false
	e, err := NewFactory().CreateLogs(t.Context(), set, config)
	require.NoError(t, err)
	require.NoError(t, e.Start(t.Context(), componenttest.NewNopHost()))
	require.NoError(t, numbered("00aa.1.x", 0, 9).to(t.Context(), e))
	d := numbered("00aa.1.x", 5, 11)
	d.logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().AppendEmpty()
	err = d.to(t.Context(), e)
	var refused *analytics.RefusedError
	require.ErrorAs(t, err, &refused)
	assert.True(t, consumererror.IsPermanent(err))
	require.Len(t, refused.Records, 1)
	assert.EqualValues(t, 7, refused.Records[0].UID.Index)
	assert.Equal(t, "foreign: made of no entry: it has no log.record.uid", refused.Records[0].Reason)
	assert.Equal(t, numbers(0, 11), content(t, r.Client(), list), "the others are there")
	metadatatest.AssertEqualExporterTykredisPushedEntries(t, tel, []metricdata.DataPoint[int64]{{Value: 12}}, metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())
	metadatatest.AssertEqualExporterTykredisKnownEntries(t, tel, []metricdata.DataPoint[int64]{{Value: 5}}, metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())
	metadatatest.AssertEqualExporterTykredisRefusedRecords(t, tel, []metricdata.DataPoint[int64]{
		{Value: 1, Attributes: attribute.NewSet(attribute.String("reason", "foreign"))},
	}, metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())
	require.NoError(t, e.Shutdown(t.Context()))
}

// Log records without their entries wait, since nothing is wrong with them.
func TestRecordsWithoutTheirEntriesWait(t *testing.T) {
	t.Parallel()
	r, host := peers.StartRedis(t), sinktest.NewHost()
	e := start(t, r.Addr(), host, asIs)
	d := numbered("00aa.1.x", 0, 9)
	err := e.ConsumeLogs(t.Context(), d.logs)
	require.ErrorIs(t, err, errNoEntries)
	require.False(t, consumererror.IsPermanent(err))
	assert.Equal(t, componentstatus.StatusRecoverableError, <-host.Statuses)
	delete(d.entries, analytics.UID{Segment: "00aa.1.x", Index: 9})
	err = d.to(t.Context(), e)
	require.ErrorIs(t, err, errNoEntries)
	require.ErrorContains(t, err, "record 00aa.1.x-9")
	assert.Empty(t, content(t, r.Client(), list), "nothing of a delivery that is not understood")
	require.NoError(t, numbered("00aa.1.x", 0, 9).to(t.Context(), e))
	assert.Equal(t, componentstatus.StatusOK, <-host.Statuses)
}

// A dead letter that comes so late that nobody knows any more whether it was pushed is refused.
func TestDeadLettersThatComeTooLate(t *testing.T) {
	t.Parallel()
	r := peers.StartRedis(t)
	e := start(t, r.Addr(), sinktest.NewHost(), func(c *Config) { c.Remember = 6 * time.Hour })
	for age, want := range map[time.Duration]string{5 * time.Hour: "", 7 * time.Hour: "forgotten: a dead letter of"} {
		d := numbered(fmt.Sprintf("00aa.%d.x", age), 1, 1)
		analytics.StampGivenUp(d.logs.ResourceLogs().At(0).ScopeLogs().At(0).Scope(), time.Now().Add(-age))
		err := d.to(t.Context(), e)
		if want == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, "the 6h0m0s of remember")
	}
	assert.Equal(t, numbers(1, 1), content(t, r.Client(), list))
}

func TestOwnSourceIsRefused(t *testing.T) {
	t.Parallel()
	r, host := peers.StartRedis(t), sinktest.NewHost()
	require.NoError(t, r.Client().RPush(t.Context(), list, "0", "1").Err())
	src := claim.NewSource(list, claim.Settings{Group: "g", Worker: "w", Lease: time.Minute, MaxHeld: 4, MaxDead: 1, MaxDeadBytes: 1})
	visits, err := claim.NewStore(r.Client()).Visit(t.Context(), []*claim.Source{src}, nil)
	require.NoError(t, err)
	e := start(t, r.Addr(), host, asIs)
	err = numbered(visits[0].Held[0].ID, 0, 1).to(t.Context(), e)
	require.ErrorIs(t, err, claim.ErrOwnSource)
	require.ErrorContains(t, err, "choose another key_prefix, or another Redis")
	require.False(t, consumererror.IsPermanent(err), "nothing is given up for it")
	assert.Equal(t, componentstatus.StatusRecoverableError, <-host.Statuses)
	assert.Empty(t, content(t, r.Client(), list))
}

func TestAListThatNobodyReads(t *testing.T) {
	t.Parallel()
	r, host := peers.StartRedis(t), sinktest.NewHost()
	e := start(t, r.Addr(), host, func(c *Config) {
		retrying(c)
		c.MaxListEntries = 10
	})
	require.NoError(t, numbered("00aa.1.x", 0, 9).to(t.Context(), e))
	pushed := make(chan error, 1)
	go func() { pushed <- numbered("00aa.1.x", 10, 14).to(t.Context(), e) }()
	assert.Equal(t, componentstatus.StatusRecoverableError, <-host.Statuses)
	assert.Equal(t, numbers(0, 9), content(t, r.Client(), list))
	require.NoError(t, r.Client().LPopCount(t.Context(), list, 5).Err())
	require.NoError(t, <-pushed)
	assert.Equal(t, componentstatus.StatusOK, <-host.Statuses)
	assert.Equal(t, numbers(5, 14), content(t, r.Client(), list))
}

// A full list holds up no other one of its delivery.
func TestAFullListBesideOthers(t *testing.T) {
	t.Parallel()
	r := peers.StartRedis(t)
	e := start(t, r.Addr(), sinktest.NewHost(), func(c *Config) { c.MaxListEntries = 2 })
	d := numbered("00aa.1.x", 0, 1)
	require.NoError(t, d.to(t.Context(), e))
	d.add(listName, "00aa.1.x", 2, "2").add(listName+"_protobuf", "00aa.2.x", 0, "other")
	require.ErrorIs(t, d.to(t.Context(), e), claim.ErrListFull)
	assert.Equal(t, []string{"other"}, content(t, r.Client(), list+"_protobuf"))
	require.NoError(t, r.Client().Del(t.Context(), list).Err())
	require.NoError(t, d.to(t.Context(), e))
	assert.Equal(t, []string{"2"}, content(t, r.Client(), list))
	assert.Equal(t, []string{"other"}, content(t, r.Client(), list+"_protobuf"))
}

// The status of a full list stays, whatever goes to others meanwhile.
func TestTheStatusOfAFullListBesideOthers(t *testing.T) {
	t.Parallel()
	r, host := peers.StartRedis(t), sinktest.NewHost()
	e := start(t, r.Addr(), host, func(c *Config) { c.MaxListEntries = 2 })
	require.NoError(t, numbered("00aa.1.x", 0, 1).to(t.Context(), e))
	for i := range int64(3) {
		require.ErrorIs(t, numbered("00aa.1.x", 2, 3).to(t.Context(), e), claim.ErrListFull)
		require.NoError(t, newDelivery().add(listName+"_protobuf", "00aa.2.x", i, "other").to(t.Context(), e))
		require.NoError(t, r.Client().Del(t.Context(), list+"_protobuf").Err())
	}
	require.Len(t, host.Statuses, 1)
	assert.Equal(t, componentstatus.StatusRecoverableError, <-host.Statuses)
	require.NoError(t, r.Client().Del(t.Context(), list).Err())
	require.NoError(t, numbered("00aa.1.x", 2, 3).to(t.Context(), e))
	require.Len(t, host.Statuses, 1)
	assert.Equal(t, componentstatus.StatusOK, <-host.Statuses)
}

// A full list that nobody wants to push to any more is no trouble.
func TestTroublesPass(t *testing.T) {
	t.Parallel()
	full := fmt.Errorf("push: %w", claim.ErrListFull)
	tr := troubles{forget: time.Hour}
	require.NoError(t, tr.err())
	tr.note("b", full)
	tr.note("a", claim.ErrOwnSource)
	require.EqualError(t, tr.err(), claim.ErrOwnSource.Error()+"\n"+full.Error())
	tr.note("a", nil)
	require.EqualError(t, tr.err(), full.Error())
	tr.forget = 0
	require.NoError(t, tr.err())
}

// Entries of many lists and segments, in any mixture, each get where they belong.
func TestSortingOfEntries(t *testing.T) {
	t.Parallel()
	d := newDelivery()
	for i := range int64(20) {
		d.add(fmt.Sprintf("list-%d", i%2), fmt.Sprintf("segment-%d", i/4), i, strconv.FormatInt(i, 10))
	}
	sorted, refusals, err := sortEntries(d.logs, d)
	require.NoError(t, err)
	assert.Empty(t, refusals)
	require.Len(t, sorted, 2)
	for i, to := range sorted {
		assert.Equal(t, fmt.Sprintf("list-%d", i), to.list)
		require.Len(t, to.runs, 5)
		var indices []int64
		for at, run := range to.runs {
			assert.Equal(t, fmt.Sprintf("segment-%d", at), run.Segment)
			require.Len(t, run.Entries, len(run.Indices))
			indices = append(indices, run.Indices...)
		}
		assert.Len(t, indices, 10)
		assert.True(t, slices.IsSorted(indices))
	}
}
