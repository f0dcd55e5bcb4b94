// Package rawhttp reads the requests and responses that a gateway records.
package rawhttp

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"io"
	"net/http/httputil"
	"net/textproto"
	"strings"
)

// Message is a recorded request or response.
type Message struct {
	// Line is the request line, or the status line.
	Line string
	// Headers are in their order, and repeated ones are there each.
	Headers []Header
	// Body is what was recorded behind the headers, without chunks. There is none where HasBody is false, as of a
	// record that was cut within its headers.
	Body    []byte
	HasBody bool
}

// Header is one line of the header section.
type Header struct {
	// Name is as it was recorded.
	Name string
	// Value is without white space around it.
	Value string
}

// Parse reads what was recorded, in base64 or, where something has decoded it, as it is. It takes anything.
func Parse(recorded string) Message {
	text := decoded(recorded)
	head, body, found := cut(text)
	var m Message
	line, rest, _ := strings.Cut(string(head), "\n")
	m.Line, m.HasBody = strings.TrimSuffix(line, "\r"), found
	m.Headers = parseHeaders(rest)
	if m.Body = body; strings.EqualFold(m.Header("Transfer-Encoding"), "chunked") {
		m.joinChunks()
	}
	return m
}

// decoded is what was recorded, without base64. Base64 that was cut is read as far as it goes.
func decoded(recorded string) []byte {
	const group = 4
	text, err := base64.StdEncoding.DecodeString(recorded)
	if err != nil {
		text, err = base64.StdEncoding.DecodeString(recorded[:len(recorded)/group*group])
	}
	if err != nil {
		return []byte(recorded)
	}
	return text
}

// cut parts the header section from the body.
func cut(text []byte) (head, body []byte, found bool) {
	at, length := bytes.Index(text, []byte("\r\n\r\n")), len("\r\n\r\n")
	if bare := bytes.Index(text, []byte("\n\n")); bare >= 0 && (at < 0 || bare < at) {
		at, length = bare, len("\n\n")
	}
	if at < 0 {
		return text, nil, false
	}
	return text[:at], text[at+length:], true
}

// parseHeaders reads lines; those without a colon are passed over.
func parseHeaders(lines string) []Header {
	var headers []Header
	for line := range strings.Lines(lines) {
		line = strings.TrimRight(line, "\r\n")
		if folded := strings.TrimLeft(line, " \t"); len(folded) < len(line) && len(headers) > 0 {
			last := &headers[len(headers)-1]
			last.Value = strings.TrimSpace(last.Value + " " + folded)
			continue
		}
		if name, value, ok := strings.Cut(line, ":"); ok && name != "" {
			headers = append(headers, Header{Name: name, Value: textproto.TrimString(value)})
		}
	}
	return headers
}

// joinChunks takes a body out of its chunks, and adds trailers to the headers. What is no chunks stays.
func (m *Message) joinChunks() {
	reader := bufio.NewReader(bytes.NewReader(m.Body))
	body, err := io.ReadAll(httputil.NewChunkedReader(reader))
	if err != nil && len(body) == 0 { // else the record was cut
		return
	}
	trailers, _ := io.ReadAll(reader) // which is in memory
	m.Body = body
	m.Headers = append(m.Headers, parseHeaders(string(trailers))...)
}

// Header is the value of a header, the last one of several, or empty. The case of letters does not matter.
func (m *Message) Header(name string) string {
	for i := len(m.Headers) - 1; i >= 0; i-- {
		if strings.EqualFold(m.Headers[i].Name, name) {
			return m.Headers[i].Value
		}
	}
	return ""
}
