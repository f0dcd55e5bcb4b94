package rawhttp

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"encoding/base64"
	"io"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMessagesAreRead(t *testing.T) {
	t.Parallel()
	const whole = "POST /a?b HTTP/1.1\r\nHost: h\r\nX-A:1\r\nx-a:  2 \r\nFolded: a\r\n\t b\r\nno header\r\n: nameless\r\nEmpty:\r\nB: x: y: z\r\n\r\nbo\n\ndy"
	want := Message{
		Line: "POST /a?b HTTP/1.1", Body: []byte("bo\n\ndy"), HasBody: true,
		Headers: []Header{{"Host", "h"}, {"X-A", "1"}, {"x-a", "2"}, {"Folded", "a b"}, {"Empty", ""}, {"B", "x: y: z"}},
	}
	coded := base64.StdEncoding.EncodeToString([]byte(whole))
	for name, recorded := range map[string]string{
		"base64": coded, "text": whole, "bare line feeds": strings.ReplaceAll(whole, "\r\n", "\n"),
	} {
		assert.Equal(t, want, Parse(recorded), name)
	}
	m := Parse(coded)
	assert.Equal(t, "2", m.Header("X-A"), "the last one")
	assert.Empty(t, m.Header("None"))

	cut := Parse(coded[:len(coded)-7])
	assert.Equal(t, want.Headers, cut.Headers)
	assert.Less(t, len(cut.Body), len(want.Body))
	assert.Equal(t, Message{Line: "GET / HTTP/1.1", Headers: []Header{{"Host", "h"}}}, Parse("GET / HTTP/1.1\r\nHost: h\r\n"), "cut within its headers")
	assert.Equal(t, Message{}, Parse(""))
	assert.Equal(t, Message{Line: "no request: %%%"}, Parse("no request: %%%"))
	long := Parse("GET / HTTP/1.1\r\nA: " + strings.Repeat("x", 100_000) + "\r\nB: y\r\n\r\n")
	assert.Equal(t, "y", long.Header("b"), "behind a long line")
}

func TestChunksAreJoined(t *testing.T) {
	t.Parallel()
	const head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\nTrailer: T\r\n\r\n"
	m := Parse(head + "3\r\n{\"a\r\n4;x=y\r\n\":1}\r\n0\r\nT: v\r\n\r\n")
	assert.Equal(t, `{"a":1}`, string(m.Body))
	assert.Equal(t, "v", m.Header("T"))
	m = Parse(head + "3\r\n{\"a\r\n4\r\n\":")
	assert.Equal(t, `{"a":`, string(m.Body), "cut")
	m = Parse(head + `{"a":1}`)
	assert.Equal(t, `{"a":1}`, string(m.Body), "no chunks")
}

func TestContentIsDecoded(t *testing.T) {
	t.Parallel()
	const plain = `secret: "x"`
	write := func(open func(io.Writer) io.WriteCloser) string {
		var b bytes.Buffer
		w := open(&b)
		_, err := io.WriteString(w, plain)
		require.NoError(t, err)
		require.NoError(t, w.Close())
		return b.String()
	}
	zipped := write(func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) })
	raw := write(func(w io.Writer) io.WriteCloser { f, _ := flate.NewWriter(w, 1); return f })
	deflated := write(func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) })
	twice := write(func(w io.Writer) io.WriteCloser { return nested{gzip.NewWriter(w)} })
	for _, c := range []struct{ coding, body string }{
		{"", plain},
		{"identity", plain},
		{"gzip", zipped},
		{"X-Gzip", zipped},
		{"deflate", deflated},
		{"deflate", raw},
		{"zlib", deflated},
		{"br", write(func(w io.Writer) io.WriteCloser { return brotli.NewWriter(w) })},
		{"deflate, gzip", twice},
	} {
		m := Message{Headers: []Header{{"Content-Encoding", c.coding}}, Body: []byte(c.body)}
		got, err := m.Content(1 << 20)
		require.NoError(t, err, c.coding)
		assert.Equal(t, plain, string(got), c.coding)
		got, err = m.Content(5)
		require.NoError(t, err, c.coding)
		assert.Equal(t, plain[:5], string(got), c.coding)
		assert.Equal(t, c.coding != "" && c.coding != "identity", m.Coded())
	}
	m := Message{Headers: []Header{{"Content-Encoding", "gzip"}}, Body: []byte(zipped[:len(zipped)-8])}
	got, err := m.Content(1 << 20)
	require.NoError(t, err)
	assert.Equal(t, plain, string(got), "as far as it goes")
	m.Body = []byte("no gzip")
	_, err = m.Content(1 << 20)
	require.Error(t, err)
	m.Headers[0].Value = "compress"
	_, err = m.Content(1 << 20)
	require.EqualError(t, err, `decode the content: content coding "compress" is unknown`)
}

// nested compresses by zlib first.
type nested struct{ *gzip.Writer }

func (n nested) Write(p []byte) (int, error) {
	w := zlib.NewWriter(n.Writer)
	defer func() { _ = w.Close() }()
	return w.Write(p)
}

func FuzzParse(f *testing.F) {
	f.Add("R0VUIC8gSFRUUC8xLjENCg0K")
	f.Add("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Encoding: br\r\n\r\n1\r\nx\r\n0\r\n\r\n")
	f.Add("a\n b\n\n")
	f.Fuzz(func(t *testing.T, recorded string) {
		m := Parse(recorded)
		for _, h := range m.Headers {
			require.NotEmpty(t, h.Name)
		}
		content, err := m.Content(1000)
		require.True(t, err != nil || len(content) <= 1000)
	})
}
