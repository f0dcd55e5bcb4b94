package msgpack

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tinylib/msgp/msgp"
	"pgregory.net/rapid"
)

func TestWhatIsAppendedIsReadBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		number := rapid.Int64().Draw(t, "number")
		at := time.Unix(rapid.Int64().Draw(t, "seconds"), rapid.Int64Range(0, 999999999).Draw(t, "nanoseconds")).UTC()
		texts := rapid.SliceOfN(rapid.String(), 1, 100).Draw(t, "texts")
		numbers := rapid.MapOf(rapid.String(), rapid.Int64()).Draw(t, "numbers")
		path := []any{rapid.String().Draw(t, "name"), rapid.Int64().Draw(t, "index")}

		b := AppendTime(AppendInt(nil, number), at)
		b = AppendList(b, texts, msgp.AppendString)
		b = AppendMap(b, numbers, AppendInt)
		b = AppendPath(b, path)
		b = AppendMap[string](AppendList[string](b, nil, nil), nil, nil)
		d := NewReader(b)
		require.Equal(t, number, d.Int())
		require.Equal(t, at, d.Time())
		require.Equal(t, texts, d.Strs(nil))
		require.Equal(t, numbers, ReadMap(&d, map[string]int64{}, (*Reader).Int))
		require.Equal(t, path, d.Path())
		require.Empty(t, ReadList(&d, (*Reader).Str))
		require.Nil(t, ReadMap(&d, nil, (*Reader).Str))
		require.NoError(t, d.Err())
		require.Equal(t, len(b), d.Position())
	})
}

// walked is what a struct of these keys has, by key.
func walked(entry []byte) (found map[string]int64, err error) {
	keys := NewKeys("Short", "AKeyOfMoreThan16Bytes", "Last")
	found = map[string]int64{}
	d := NewReader(entry)
	for w := d.Begin(keys); d.Next(&w); {
		found[keys[w.Field].name] = d.Int()
	}
	return found, d.Err()
}

func TestFieldsAreFoundInAnyOrder(t *testing.T) {
	t.Parallel()
	all := map[string]int64{"Short": 1, "AKeyOfMoreThan16Bytes": 2, "Last": 3}
	pairs := func(keys ...string) []byte {
		b := msgp.AppendMapHeader(nil, uint32(len(keys)))
		for _, key := range keys {
			b = AppendInt(msgp.AppendString(b, key), max(all[key], 1))
		}
		return b
	}
	for name, test := range map[string]struct {
		entry []byte
		want  map[string]int64
	}{
		"in order": {entry: pairs("Short", "AKeyOfMoreThan16Bytes", "Last"), want: all},
		"with what follows": {
			entry: append(pairs("Short", "AKeyOfMoreThan16Bytes"), msgp.AppendString(nil, "Last")...),
			want:  map[string]int64{"Short": 1, "AKeyOfMoreThan16Bytes": 2},
		},
		"in another order": {entry: pairs("Last", "AKeyOfMoreThan16Bytes", "Short"), want: all},
		"with unknown ones": {
			entry: pairs("New", "Short", "Newer", "AKeyOfMoreThan16BytesAndMore", "AKeyOfMoreThan16Bytes", "Last", "Newest"),
			want:  all,
		},
		"missing":         {entry: pairs("Last"), want: map[string]int64{"Last": 3}},
		"an array":        {entry: AppendList(nil, []int64{1, 2, 3}, AppendInt), want: all},
		"a longer array":  {entry: AppendList(nil, []int64{1, 2, 3, 4, 5}, AppendInt), want: all},
		"a shorter array": {entry: AppendList(nil, []int64{1}, AppendInt), want: map[string]int64{"Short": 1}},
		"nil":             {entry: msgp.AppendNil(nil), want: map[string]int64{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found, err := walked(test.entry)
			require.NoError(t, err)
			assert.Equal(t, test.want, found)
		})
	}
}

func TestErrorsNameTheFieldAndTheByte(t *testing.T) {
	t.Parallel()
	entry := msgp.AppendString(msgp.AppendString(msgp.AppendMapHeader(nil, 1), "Last"), "no number")
	_, err := walked(entry)
	require.EqualError(t, err, "decode msgpack: field Last at byte 6: found str (0xa9), want an integer")
	_, err = walked(msgp.AppendInt64(nil, 1))
	require.EqualError(t, err, "decode msgpack: record at byte 0: found int (0x01), want a map")
	_, err = walked(nil)
	require.ErrorIs(t, err, msgp.ErrShortBytes)
}

// FuzzSkip holds what passes over any value to what msgp says of it.
func FuzzSkip(f *testing.F) {
	f.Add(AppendMap(nil, map[string]int64{"a": 1, "b": -1}, AppendInt))
	f.Add(AppendTime(nil, time.Unix(1, 2)))
	f.Add([]byte{0xdf, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, entry []byte) {
		d := NewReader(entry)
		d.Skip()
		left, err := msgp.Skip(entry)
		require.Equal(t, err == nil, d.Err() == nil, "%v, %v", err, d.Err())
		if err == nil {
			require.Equal(t, len(entry)-len(left), d.Position())
		}
		_, _ = walked(entry) // must not panic
	})
}
