package pumpconf

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestGraylog(t *testing.T) {
	t.Parallel()
	r := converted(t, pumps(`"g": {"type": "graylog", "meta": {"host": "logs", "port": 12201, "tags": `+quoted(graylogTags)+`}, "timeout": 60}`))
	tags := make([]any, len(graylogTags))
	for i, tag := range graylogTags {
		tags[i] = tag
	}
	assert.Equal(t, map[string]any{"endpoint": "logs:12201", "transport": "udp", "format": "tyk", "tags": tags, "timeout": "60s"}, at(t, r, "exporters::tykgelf/g"))
	assert.Equal(t, "pump-graylog.logs_12201", at(t, r, "receivers::tykredis/graylog::group"))

	r = converted(t, pumps(`"g": {"type": "graylog", "meta": {"host": "::1", "tags": ["path", "tracked"]}}`))
	assert.Equal(t, map[string]any{"endpoint": "[::1]:1000", "transport": "udp", "format": "tyk", "tags": []any{"path"}}, at(t, r, "exporters::tykgelf/g"))
}
