package jsontext

import (
	"encoding/json"
	"math"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// anyString draws text with everything that JSON treats specially, and bytes that
// are no text.
func anyString() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.String(),
		rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }),
		rapid.StringOfN(rapid.RuneFrom([]rune("\x00\x01\b\f\n\r\t\x1f\x7f\"\\/<>&\u2028\u2029\uFFFDé😀a")), 0, 30, -1),
	)
}

func marshal(t *rapid.T, v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestJSONTextIsThatOfTheStandardLibrary(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOf(anyString()).Draw(t, "list")
		if got := string(AppendStrings(nil, list)); got != marshal(t, list) {
			t.Fatalf("%s, want %s", got, marshal(t, list))
		}
		names := rapid.MapOf(rapid.String(), anyString()).Draw(t, "map")
		if got := string(AppendMap(nil, names)); got != marshal(t, names) {
			t.Fatalf("%s, want %s", got, marshal(t, names))
		}
		lists := rapid.MapOf(rapid.String(), rapid.SliceOf(anyString())).Draw(t, "lists")
		if got := string(AppendLists(nil, lists)); got != marshal(t, lists) {
			t.Fatalf("%s, want %s", got, marshal(t, lists))
		}
		number := rapid.Float64().Draw(t, "number")
		if got := string(AppendFloat(nil, number)); got != marshal(t, number) {
			t.Fatalf("%s, want %s", got, marshal(t, number))
		}
	})
}

func TestEmptyJSONValues(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "[]", string(AppendStrings(nil, nil)))
	assert.Equal(t, "{}", string(AppendMap(nil, nil)))
	assert.Equal(t, "{}", string(AppendLists(nil, nil)))
	assert.Equal(t, "[]", string(AppendPath(nil, nil)))
	want := []byte(`{"Empty":[]}`)
	assert.Equal(t, want, AppendLists(nil, map[string][]string{"Empty": nil}))
}

func TestKeysAreSortedInTheRoomThereIs(t *testing.T) {
	for _, n := range []int{0, 1, mostRoom - 1, mostRoom, mostRoom + 1, 3 * mostRoom} {
		m := map[string]string{}
		for i := range n {
			m[strconv.Itoa(i*7919%1000)] = "place"
		}
		want, err := json.Marshal(m)
		require.NoError(t, err)
		assert.Equal(t, string(want), string(AppendMap(nil, m)))
		if n <= mostRoom {
			room := make([]byte, 0, 2*len(want))
			assert.Zero(t, testing.AllocsPerRun(10, func() { AppendMap(room, m) }), "%d keys", n)
		}
	}
}

func TestNumbersThatJSONHasNot(t *testing.T) {
	t.Parallel()
	for _, f := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		assert.Equal(t, "0", string(AppendFloat(nil, f)))
	}
	assert.Equal(t, `["a",1,null]`, string(AppendPath(nil, []any{"a", int64(1), math.NaN()})))
}
