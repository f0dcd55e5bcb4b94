package tykmoesifexporter

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/otelcol-tyk/otelcol-tyk/internal/rawhttp"
)

// masked stands in the place of what is not to be seen.
const masked = "*****"

// names are those of headers, or of members of bodies, in lower case.
type names map[string]bool

func newNames(list []string) names {
	set := names{}
	for _, name := range list {
		set[strings.ToLower(name)] = true
	}
	return set
}

// has tells whether a name is one of them, in any case of letters.
func (n names) has(name string) bool { return len(n) > 0 && n[strings.ToLower(name)] }

// content is a message's body as it is sent, with the values of masked names replaced. It is false for none: where there
// is no body, and where masked names may be in one that cannot be read.
func (n names) content(m *rawhttp.Message) ([]byte, bool) {
	if !m.HasBody || len(n) == 0 {
		return m.Body, m.HasBody
	}
	body := m.Body
	if m.Coded() {
		plain, err := m.Content(maxContent)
		if err != nil {
			return nil, false
		}
		body = plain
	}
	// JSON has no byte order mark, but there are writers and readers of it.
	body = bytes.TrimPrefix(body, []byte("\ufeff"))
	kind, _, _ := strings.Cut(m.Header("Content-Type"), ";")
	switch first := bytes.TrimLeft(body, " \t\r\n"); {
	case len(first) > 0 && (first[0] == '{' || first[0] == '['):
		return n.json(body), true
	case strings.EqualFold(strings.TrimSpace(kind), "application/x-www-form-urlencoded"):
		return n.form(body), true
	}
	return body, true
}

// maxContent bounds what a body with a content coding is decoded to.
const maxContent = 4 << 20

// json replaces the values of masked members, at any depth, and leaves everything else as it is. It ends where the body
// stops being JSON, since a masked member could follow, unless it is no text at all.
func (n names) json(body []byte) []byte {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var out []byte
	written := int64(0) // of body
	var depth []nesting // where the decoder is
	members := false
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) && len(depth) == 0 {
			return append(out, body[written:]...)
		}
		if err != nil && !members && !isText(body) {
			return body
		}
		if err != nil {
			return append(out, body[written:decoder.InputOffset()]...)
		}
		delim, isDelim := token.(json.Delim)
		switch {
		case isDelim && (delim == '{' || delim == '['):
			depth = append(depth, nesting{object: delim == '{', key: delim == '{'})
			continue
		case isDelim:
			depth = depth[:len(depth)-1]
		case len(depth) > 0 && depth[len(depth)-1].key:
			depth[len(depth)-1].key, members = false, true
			if name, _ := token.(string); !n.has(name) {
				continue
			}
			from := valueStart(body, decoder.InputOffset())
			out = append(append(append(out, body[written:from]...), '"'), masked+`"`...)
			var value json.RawMessage
			if decoder.Decode(&value) != nil {
				return out // which holds what was read of the value no more
			}
			written = decoder.InputOffset()
		}
		if len(depth) > 0 { // a value of it has ended
			depth[len(depth)-1].key = depth[len(depth)-1].object
		}
	}
}

// isText tells whether a body is UTF-8, of which the last letter may have been cut.
func isText(body []byte) bool {
	for range utf8.UTFMax {
		if utf8.Valid(body) {
			return true
		}
		body = body[:max(len(body)-1, 0)]
	}
	return false
}

// nesting is an object or a list that has begun.
type nesting struct {
	object bool
	key    bool // a name comes next
}

// valueStart is where a value begins behind its name.
func valueStart(body []byte, at int64) int64 {
	for at < int64(len(body)) && strings.IndexByte(" \t\r\n:", body[at]) >= 0 {
		at++
	}
	return at
}

// form replaces the values of masked names of a form.
func (n names) form(body []byte) []byte {
	pairs := strings.Split(string(body), "&")
	for i, pair := range pairs {
		name, _, _ := strings.Cut(pair, "=")
		plain, err := url.QueryUnescape(name)
		if err != nil {
			plain = name
		}
		if n.has(plain) {
			pairs[i] = name + "=" + masked
		}
	}
	return []byte(strings.Join(pairs, "&"))
}
