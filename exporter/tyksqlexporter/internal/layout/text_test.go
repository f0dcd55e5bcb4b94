package layout

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"
)

// Wherever in a text of whatever length a byte stands, it is seen.
func TestCleanTextHasNoOtherByte(t *testing.T) {
	t.Parallel()
	for length := range 30 {
		for at := range length {
			for _, c := range []byte{0, 1, 0x7f, 0x80, 0xff} {
				text := []byte(strings.Repeat("\x01", length))
				text[at] = c
				assert.Equal(t, c == 1 || c == 0x7f, CleanText(string(text)) == string(text), "%q", text)
			}
		}
	}
}

// anyString draws text with everything that JSON treats specially, and bytes that
// are no text.
func anyString() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.String(),
		rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }),
		rapid.StringOfN(rapid.RuneFrom([]rune("\x00\x01\b\f\n\r\t\x1f\x7f\"\\/<>&\u2028\u2029\uFFFDé😀a")), 0, 30, -1),
	)
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
		isClean := func(s string) bool { return !strings.Contains(s, "\x00") && utf8.ValidString(s) }
		if !isClean(clean) || isClean(text) && clean != text || CleanText(clean) != clean {
			t.Fatalf("%q became %q", text, clean)
		}
	})
}
