package foreign

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestTheRemedyNamesTheKeyPrefix(t *testing.T) {
	t.Parallel()
	for list, want := range map[string]string{
		"analytics-tyk-system-analytics":          "tykctl groups remove g",
		"old-tyk-system-analytics_3_protobuf":     "tykctl groups remove -key-prefix old- g",
		"host-checker:tyk-uptime-analytics":       "tykctl groups remove g",
		"analytics-tyk-system-analytics_protobuf": "tykctl groups remove g",
	} {
		assert.Equal(t, want, remove(list, "g"), list)
	}
}
