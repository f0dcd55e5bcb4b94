package pumpconf

import (
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func quoted(names []string) string { return `["` + strings.Join(names, `", "`) + `"]` }

func TestStatsD(t *testing.T) {
	t.Parallel()
	r := converted(t, pumps(goodStatsD+`, "fields": ["latency_total", "response_code"], "tags": ["org_id", "nope", "method"]}, "timeout": 60}`))
	assert.Equal(t, map[string]any{
		"dialect": "statsd", "sanitize": "tyk", "endpoint": "s:8125", "fields": []any{"latency_total"}, "tags": []any{"org_id", "null", "null"}, "timeout": "60s",
	}, at(t, r, "exporters::tykstatsd/s"))
	assert.Equal(t, "pump-statsd.s_8125", at(t, r, "receivers::tykredis/statsd::group"))

	r = converted(t, pumps(`"s": {"type": "statsd", "meta": {"address": ":8125", "separated_method": true, "fields": `+quoted(statsdTimings)+`, "tags": `+quoted(statsdTags)+`}}`))
	assert.NotContains(t, told(r), "null in each name")
	assert.Equal(t, "localhost:8125", at(t, r, "exporters::tykstatsd/s::endpoint"))
	assert.Equal(t, true, at(t, r, "exporters::tykstatsd/s::separated_method"))
}

func TestDogStatsD(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		meta string
		env  []string
		want map[string]any
	}{
		{meta: `"address": "d"`, want: map[string]any{"endpoint": "d:8125"}},
		{meta: `"address": "d:1", "namespace": "a.", "sample_rate": 0.25`, want: map[string]any{"endpoint": "d:1", "prefix": "a", "sample_rate": 0.25}},
		{meta: `"address": "d", "sample_rate": 1`, want: map[string]any{"endpoint": "d:8125"}},
		{
			meta: `"address": "unix:///run/dd.sock", "buffered": true`,
			want: map[string]any{"endpoint": "/run/dd.sock", "transport": "unixgram", "max_datagram_lines": int64(16)},
		},
		{
			meta: `"address": "d", "buffered": true, "buffered_max_messages": 8, "tags": ` + quoted(dogstatsdTags),
			want: map[string]any{"endpoint": "d:8125", "max_datagram_lines": int64(8), "trim_trailing_slash": true, "tags": []any{
				"path", "method", "response_code", "api_version", "api_name", "api_id", "org_id", "tracked", "oauth_id",
			}},
		},
		{meta: `"buffered_max_messages": 8`, env: []string{"DD_AGENT_HOST=agent", "DD_DOGSTATSD_PORT=18125"}, want: map[string]any{"endpoint": "agent:18125"}},
		{env: []string{"DD_AGENT_HOST=unix:///s"}, want: map[string]any{"endpoint": "/s", "transport": "unixgram"}},
	} {
		want := map[string]any{"dialect": "dogstatsd", "sanitize": "tyk", "prefix": "default", "trim_trailing_slash": false, "max_datagram_lines": int64(1)}
		maps.Copy(want, test.want)
		r := Convert(input(pumps(`"d": {"type": "dogstatsd", "meta": {`+test.meta+`}}`), test.env...))
		require.False(t, r.Refused(), r.Summary())
		assert.Equal(t, want, at(t, r, "exporters::tykstatsd/d"), test.meta)
	}
}
