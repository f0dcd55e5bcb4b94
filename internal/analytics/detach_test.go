package analytics

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"pgregory.net/rapid"
)

// TestDetachedRecordsLeaveTheirEntry spoils the entry once its record is detached.
func TestDetachedRecordsLeaveTheirEntry(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		drawn := drawRecord(t)
		entry := AppendMsgpack(nil, &drawn)
		var whole Record
		require.NoError(t, DecodeMsgpack(append([]byte(nil), entry...), &whole))
		expected := plog.NewLogRecord()
		whole.ToLog(expected, "uid")

		var r Record
		require.NoError(t, DecodeMsgpack(entry, &r))
		var texts Texts
		r.Detach(&texts)
		got := plog.NewLogRecord()
		r.ToLog(got, "uid")
		for i := range entry {
			entry[i] = '!'
		}
		assert.Equal(t, expected.Attributes().AsRaw(), got.Attributes().AsRaw())
		assert.Equal(t, expected.TraceID(), got.TraceID())
	})
}
