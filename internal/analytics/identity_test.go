package analytics

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestUIDsComeBackFromTheirText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]UID{
		"a1b2.000123.ff-0":             {Segment: "a1b2.000123.ff", Index: 0},
		"a1b2.000123.ff-4711":          {Segment: "a1b2.000123.ff", Index: 4711},
		"s-4611686018427387903":        {Segment: "s", Index: 1<<62 - 1},
		"segment-with-dashes-inside-7": {Segment: "segment-with-dashes-inside", Index: 7},
	} {
		got, err := ParseUID(text)
		require.NoError(t, err)
		assert.Equal(t, want, got)
		assert.Equal(t, text, got.String())
	}
}

func TestParseUIDRefuses(t *testing.T) {
	t.Parallel()
	const dash, index = "want <segment>-<index>", "the index after the last '-' must be a number from 0"
	for text, want := range map[string]string{
		"s-4611686018427387904": index, // which no set of rollups' records holds
		"":                      dash, "segment": dash, "-5": dash,
		"s-": index, "s-x": index, "s-+5": index, "s-05": index, "s- 5": index, "s-5 ": index, "s-9223372036854775808": index,
	} {
		_, err := ParseUID(text)
		require.Error(t, err, text)
		assert.Contains(t, err.Error(), want, text)
	}
}

func TestRefusedErrorNamesTheFirstRecords(t *testing.T) {
	t.Parallel()
	refused := &RefusedError{Records: []RefusedRecord{{UID{"s", 1}, "a", "x"}, {UID{"s", 2}, "b", "x"}}}
	assert.Equal(t, "2 records refused for good: s-1: a; s-2: b", refused.Error())
	refused.Records = append(refused.Records, RefusedRecord{UID{"s", 3}, "c", "x"}, RefusedRecord{UID{"s", 4}, "d", "x"}, RefusedRecord{UID{"s", 5}, "e", "x"})
	assert.Equal(t, "5 records refused for good: s-1: a; s-2: b; s-3: c, and more", refused.Error())
}
