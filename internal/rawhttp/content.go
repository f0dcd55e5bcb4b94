package rawhttp

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/andybalholm/brotli"
)

// Coded tells whether the body has a content coding, such as gzip.
func (m *Message) Coded() bool {
	coding := m.Header("Content-Encoding")
	return coding != "" && !strings.EqualFold(coding, "identity")
}

// Content is the body without its content codings, or its first most bytes. A body that was cut is read as far as it
// goes. It fails for a coding that is unknown, and for a body that is not of its coding.
func (m *Message) Content(most int64) ([]byte, error) {
	if !m.Coded() {
		return m.Body[:min(int64(len(m.Body)), most)], nil
	}
	var reader io.Reader = bytes.NewReader(m.Body)
	codings := strings.Split(m.Header("Content-Encoding"), ",")
	for _, coding := range slices.Backward(codings) {
		var err error
		if reader, err = open(strings.ToLower(strings.TrimSpace(coding)), reader); err != nil {
			return nil, fmt.Errorf("decode the content: %w", err)
		}
	}
	content, err := io.ReadAll(io.LimitReader(reader, most))
	if err != nil && len(content) == 0 && len(m.Body) > 0 {
		return nil, fmt.Errorf("decode the content: %w", err)
	}
	return content, nil
}

// open begins to decode.
func open(coding string, source io.Reader) (io.Reader, error) {
	switch coding {
	case "", "identity":
		return source, nil
	case "gzip", "x-gzip":
		return gzip.NewReader(source)
	case "deflate", "zlib":
		buffered := bufio.NewReader(source)
		if header, _ := buffered.Peek(zlibHeader); !isZlib(header) { // as some servers send it
			return flate.NewReader(buffered), nil
		}
		return zlib.NewReader(buffered)
	case "br":
		return brotli.NewReader(source), nil
	}
	return nil, fmt.Errorf("content coding %q is unknown", coding)
}

// zlibHeader is how many bytes tell zlib from what it contains.
const zlibHeader = 2

// isZlib checks the header as RFC 1950 has it.
func isZlib(header []byte) bool {
	const method, check = 8, 31
	return len(header) == zlibHeader && header[0]&0xf == method && (int(header[0])<<8|int(header[1]))%check == 0
}
