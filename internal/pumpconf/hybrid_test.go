package pumpconf

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/tree"
)

func TestHybrid(t *testing.T) {
	t.Parallel()
	r := converted(t, pumps(goodHybrid+`, "track_all_paths": true, "enable_mcp_aggregation": true}}`))
	exporter := at(t, r, "exporters::tykhybrid/h").(map[string]any)
	assert.Equal(t, map[string]any{"insecure": true}, exporter["tls"])
	assert.Equal(t, "mdcb:9091", exporter["endpoint"])
	assert.NotContains(t, exporter, "enable_mcp_aggregation", "Tyk Pump looks at it only where it sends rollups")
	assert.Equal(t, []any{"tykfilter/hybrid"}, at(t, r, "service::pipelines::logs/h::processors"))
	assert.Equal(t, "pump-hybrid.mdcb_9091", at(t, r, "receivers::tykredis/hybrid::group"))

	r = converted(t, pumps(goodHybrid+`, "aggregated": true, "track_all_paths": true, "store_analytics_per_minute": true, "ignore_tag_prefix_list": ["a-"],
		"enable_mcp_aggregation": true, "use_ssl": true, "ssl_insecure_skip_verify": true, "call_timeout": 5, "rpc_pool_size": 3}}`))
	exporter = at(t, r, "exporters::tykhybrid/h").(map[string]any)
	delete(exporter, "api_key")
	assert.Equal(t, map[string]any{
		"endpoint": "mdcb:9091", "tls": map[string]any{"insecure": false, "insecure_skip_verify": true}, "timeout": "5s", "rpc_pool_size": int64(3), "enable_mcp_aggregation": true,
	}, exporter)
	assert.Equal(t, map[string]any{
		"track_all_paths": true, "store_analytics_per_minute": true, "ignore_tag_prefix_list": []any{"a-"}, "timezone": "UTC",
	}, at(t, r, "processors::tykaggregate/h"))
	_, hidden := r.Config.Get("exporters").(*tree.Map).Get("tykhybrid/h").(*tree.Map).Get("api_key").(tree.Secret)
	assert.True(t, hidden)
}
