package protobuf

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"
)

func TestWhatIsAppendedIsReadBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text, number := rapid.String().Draw(t, "text"), rapid.Int64().Draw(t, "number")
		list := rapid.SliceOfN(rapid.String(), 1, 10).Draw(t, "list")
		names := rapid.MapOf(rapid.String(), rapid.String()).Draw(t, "names")

		b := AppendInt(AppendString(nil, 1, text), 2, number)
		b = AppendStrings(b, 3, list)
		b = AppendMap(b, 4, names, func(b []byte, name string) []byte { return AppendElement(b, 2, name) })
		var gotText string
		var gotNumber int64
		var gotList []string
		gotNames := map[string]string{}
		d := NewReader(b)
		for d.Next() {
			switch d.Number {
			case 1:
				gotText = d.Str()
			case 2:
				gotNumber = d.Int64()
			case 3:
				gotList = append(gotList, d.Str())
			case 4:
				key, value, ok := d.MapEntry("names")
				require.True(t, ok)
				gotNames[key] = Text(value)
			}
		}
		require.NoError(t, d.Err(len(b)))
		require.Equal(t, text, gotText)
		require.Equal(t, number, gotNumber)
		require.Equal(t, list, gotList)
		require.Equal(t, names, gotNames)
	})
}

func TestTimesAreTimestamps(t *testing.T) {
	t.Parallel()
	for _, at := range []time.Time{time.Unix(0, 0), time.Unix(-1, 5), time.Date(2026, 3, 1, 12, 0, 0, 7, time.UTC), {}} {
		b := AppendTime(nil, 13, at)
		_, _, n := protowire.ConsumeTag(b)
		inner, _ := protowire.ConsumeBytes(b[n:])
		var want timestamppb.Timestamp
		require.NoError(t, proto.Unmarshal(inner, &want))
		require.True(t, at.Equal(want.AsTime()), "%v, %v", at, want.AsTime())
		d := NewReader(b)
		require.True(t, d.Next())
		require.True(t, at.Equal(d.Time()))
		require.NoError(t, d.Err(len(b)))
	}
}

func TestErrorsNameTheFieldAndTheByte(t *testing.T) {
	t.Parallel()
	b, start := Begin(AppendString(nil, 1, "text"), 4)
	b = End(append(b, 0x0a, 0x05, 'a'), start) // a key that claims to be longer
	d := NewReader(b)
	for d.Next() {
		if d.Number == 4 {
			_, _, ok := d.MapEntry("names")
			require.False(t, ok)
		}
	}
	require.EqualError(t, d.Err(len(b)), "decode protobuf: names.field 1 at byte 8: unexpected EOF")
}

// FuzzNext holds the walk over fields to protowire's own.
func FuzzNext(f *testing.F) {
	f.Add(AppendTime(AppendString(nil, 1, "text"), 2, time.Unix(1, 2)))
	f.Fuzz(func(t *testing.T, message []byte) {
		d := NewReader(message)
		rest := message
		for d.Next() {
			number, kind, n := protowire.ConsumeField(rest)
			require.Positive(t, n)
			require.Equal(t, number, d.Number)
			require.Equal(t, kind, d.Type)
			rest = rest[n:]
		}
		if d.Err(len(message)) == nil {
			require.Empty(t, rest)
			return
		}
		_, _, n := protowire.ConsumeField(rest)
		require.Negative(t, n)
	})
}
