package tykredisreceiver

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/metadata"
)

// TestChosenListsAreTheOnlyOnesThatAreRead also looks at the groups: each gets every record of
// the lists that it has chosen, and none waits for a list that it has not.
func TestChosenListsAreTheOnlyOnesThatAreRead(t *testing.T) {
	r := newRedis(t)
	choosing := func(group string, lists ...string) func(*Config) {
		return func(cfg *Config) { cfg.Group, cfg.Requests.Lists = group, lists }
	}
	few, more := newDestination(), newDestination()
	start(t, r.Addr(), few, choosing("few", "tyk-system-analytics_3"))
	start(t, r.Addr(), more, choosing("more", "tyk-system-analytics_3", "tyk-system-analytics_4_protobuf"))
	eventually(t, "both groups", func() bool {
		return r.Client().ZCard(t.Context(), "otelcol-tyk:{registry:"+list+"_3}:groups").Val() == 2
	})
	pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 0, 10)
	pushRecords(t, r.Client(), list+"_3", analytics.AppendMsgpack, 10, 30)
	pushRecords(t, r.Client(), list+"_4_protobuf", analytics.AppendProtobuf, 30, 60)
	eventually(t, "all records of the chosen lists", func() bool { return few.count() == 20 && more.count() == 50 })
	eventually(t, "only the other list left", func() bool {
		left := leftover(t, r.Client())
		return len(left) == 1 && left[0] == list
	})
	assert.EqualValues(t, 10, r.Client().LLen(t.Context(), list).Val())
}

func TestReceiversThatNameListsAndThatReadAllAreNotInOneProcess(t *testing.T) {
	t.Parallel()
	factory := NewFactory()
	all, some := createDefaultConfig().(*Config), createDefaultConfig().(*Config)
	some.Group, some.Requests.Lists = "some", []string{"tyk-system-analytics_3"}
	set := receivertest.NewNopSettings(metadata.Type)
	set.ID = component.NewIDWithName(metadata.Type, "all")
	first, err := factory.CreateLogs(t.Context(), set, all, consumertest.NewNop())
	require.NoError(t, err)
	set.ID = component.NewIDWithName(metadata.Type, "some")
	_, err = factory.CreateLogs(t.Context(), set, some, consumertest.NewNop())
	require.EqualError(t, err, "tykredis/all and tykredis/some read the same lists of requests, one with requests::lists and one without: "+
		"each record would reach one of them only: give both requests::lists, or none")
	some.Uptime.Enabled, all.Uptime.Enabled, some.KeyPrefix = true, true, "other-"
	second, err := factory.CreateLogs(t.Context(), set, some, consumertest.NewNop())
	require.NoError(t, err, "they have only the list of uptime checks in common, and groups of their own")
	require.NoError(t, second.Shutdown(t.Context()))
	require.NoError(t, first.Shutdown(t.Context()))
}

func TestUptimeChecksAreReadBehindTheirPrefix(t *testing.T) {
	r := newRedis(t)
	sink := new(consumertest.LogsSink)
	start(t, r.Addr(), sink, func(cfg *Config) { cfg.Uptime.Enabled, cfg.Uptime.KeyPrefix = true, "mine-" })
	check := &analytics.Uptime{URL: "http://backend", TimeStamp: time.Unix(1774749599, 0)}
	require.NoError(t, r.Client().RPush(t.Context(), "mine-tyk-uptime-analytics", analytics.AppendUptime(nil, check)).Err())
	eventually(t, "the check", func() bool { return sink.LogRecordCount() == 1 })
}
