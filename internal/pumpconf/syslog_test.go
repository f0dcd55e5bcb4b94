package pumpconf

import (
	"maps"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestSyslog(t *testing.T) {
	t.Parallel()
	for meta, want := range map[string]map[string]any{
		`"network_addr": "s:514"`: {"transport": "udp", "facility": "kern", "severity": "emerg", "tag": "syslog-pump"},
		`"network_addr": ":514", "transport": "tcp", "log_level": 134, "tag": "my tag"`: {
			"endpoint": "localhost:514", "transport": "tcp", "facility": "local0", "severity": "info", "tag": "my tag",
		},
		`"network_addr": "s:514", "transport": "tls", "log_level": 191`: {
			"transport": "tcp", "tls": map[string]any{"insecure": false}, "framing": "newline", "facility": "local7", "severity": "debug", "tag": "syslog-pump",
		},
		`"tag": "t"`: {"endpoint": "localhost:5140", "transport": "udp", "facility": "kern", "severity": "emerg", "tag": "t"},
	} {
		all := map[string]any{"endpoint": "s:514", "protocol": "tyk", "message": "tyk_map", "max_message_bytes": int64(0)}
		maps.Copy(all, want)
		assert.Equal(t, all, at(t, converted(t, pumps(`"y": {"type": "syslog", "meta": {`+meta+`}}`)), "exporters::tyksyslog/y"), meta)
	}
}
