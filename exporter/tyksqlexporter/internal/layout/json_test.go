package layout

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
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
		if got := string(appendJSONStrings(nil, list)); got != marshal(t, list) {
			t.Fatalf("%s, want %s", got, marshal(t, list))
		}
		names := rapid.MapOf(rapid.String(), anyString()).Draw(t, "map")
		if got := string(appendJSONMap(nil, names)); got != marshal(t, names) {
			t.Fatalf("%s, want %s", got, marshal(t, names))
		}
		lists := rapid.MapOf(rapid.String(), rapid.SliceOf(anyString())).Draw(t, "lists")
		if got := string(appendJSONLists(nil, lists)); got != marshal(t, lists) {
			t.Fatalf("%s, want %s", got, marshal(t, lists))
		}
	})
}

func TestJSONErrorsAreThoseOfTykPump(t *testing.T) {
	t.Parallel()
	want := []byte(`[{"message":"a \u003c b","path":["country",1,"name"]},{"message":"","path":[]}]`)
	assert.Equal(t, want, appendJSONErrors(nil, []analytics.GraphQLError{{Message: "a < b", Path: []any{"country", int64(1), "name"}}, {}}))
}

func TestEmptyJSONValues(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "[]", string(appendJSONStrings(nil, nil)))
	assert.Equal(t, "{}", string(appendJSONMap(nil, nil)))
	assert.Equal(t, "{}", string(appendJSONLists(nil, nil)))
	assert.Equal(t, "[]", string(appendJSONErrors(nil, nil)))
	want := []byte(`{"Empty":[]}`)
	assert.Equal(t, want, appendJSONLists(nil, map[string][]string{"Empty": nil}))
}

func TestTextIsCleaned(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"": "", "plain": "plain", "é😀": "é😀", "a\x00b\x00": "a\uFFFDb\uFFFD", "\xff\xfe/x": "\uFFFD/x", "\x00\xff": "\uFFFD\uFFFD",
	} {
		assert.Equal(t, want, CleanText(text))
	}
	rapid.Check(t, func(t *rapid.T) {
		text := anyString().Draw(t, "text")
		clean := CleanText(text)
		if !isCleanText(clean) || isCleanText(text) && clean != text || CleanText(clean) != clean {
			t.Fatalf("%q became %q", text, clean)
		}
	})
}
