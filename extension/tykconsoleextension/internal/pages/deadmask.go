package pages

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/console/view"
)

// letterTokens are a record's JSON, masked as records are everywhere.
func (s *Site) letterTokens(record json.RawMessage) []token {
	masked := s.maskLetter(record)
	return s.jsonTokens(masked, nil)
}

// maskLetter masks the fields of a decoded entry: keys, tags, and what was recorded.
func (s *Site) maskLetter(record json.RawMessage) json.RawMessage {
	d := json.NewDecoder(strings.NewReader(string(record)))
	d.UseNumber()
	var fields map[string]any
	if err := d.Decode(&fields); err != nil {
		return nil
	}
	key, _ := fields["APIKey"].(string)
	secret := []string{key}
	for name, value := range fields {
		switch v := value.(type) {
		case string:
			switch name {
			case "APIKey":
				if s.Keys != "shown" && !hasNoKey(v) {
					fields[name] = fmt.Sprintf("%s (%d characters, hidden)", s.keyText(v), len(v))
				}
			case "OauthID":
				if s.Keys != "shown" {
					fields[name] = view.Middle(v, 4, 4)
				}
			case "RawRequest", "RawResponse":
				fields[name] = fmt.Sprintf("%s of base64, hidden here", view.Size(int64(len(v))))
			case "Path", "RawPath", "OriginalPath":
				fields[name] = s.clean(pathText(v), secret)
			default:
				fields[name] = s.clean(v, secret)
			}
		case []any:
			if name == "Tags" {
				var all []string
				for _, tag := range v {
					if text, ok := tag.(string); ok {
						all = append(all, text)
					}
				}
				fields[name], _ = tags(all)
			}
		}
	}
	masked, err := json.Marshal(fields)
	if err != nil {
		return nil
	}
	return masked
}

type letterJSON struct {
	UID         string          `json:"uid"`
	Source      string          `json:"source"`
	Group       string          `json:"group"`
	At          time.Time       `json:"at"`
	Destination string          `json:"destination,omitempty"`
	Reason      string          `json:"reason"`
	Bytes       int             `json:"bytes"`
	Form        string          `json:"form,omitempty"`
	Record      json.RawMessage `json:"record,omitempty"`
	DecodeError string          `json:"decode_error,omitempty"`
}

func (q *request) letterJSON(l Letter, whole bool) letterJSON {
	j := letterJSON{UID: l.UID, Source: l.Source, Group: l.Group, At: l.At, Destination: l.Destination, Reason: l.Reason, Bytes: l.Bytes}
	if whole {
		j.Form, j.DecodeError = l.Form, l.DecodeError
		if l.Record != nil {
			j.Record = q.site.maskLetter(l.Record)
		}
	}
	return j
}

func (q *request) lettersJSON(letters []Letter) []letterJSON {
	all := []letterJSON{}
	for _, l := range letters {
		all = append(all, q.letterJSON(l, false))
	}
	return all
}

// secretFields are those of entries whose values are overwritten where bytes are shown.
var secretFields = []string{"APIKey", "OauthID", "RawRequest", "RawResponse"}

// entryBytes is an entry with its secrets overwritten; nil where they cannot be found in it.
func (s *Site) entryBytes(l Letter) []byte {
	switch {
	case s.Keys == "shown" && s.Bodies == "redacted":
		return l.Entry
	case l.Form == "protobuf" || l.Record != nil:
		return nil // it names no fields; a record that decodes is shown as one
	}
	entry := slices.Clone(l.Entry)
	for _, name := range secretFields {
		for from := 0; ; {
			at := bytes.Index(entry[from:], []byte(name))
			if at < 0 {
				break
			}
			from += at + len(name)
			value := msgpackText(entry[from:])
			secret := slices.Clone(value)
			for i := range value {
				value[i] = '*'
			}
			const least = 6 // a shorter one stands anywhere by chance
			if len(secret) < least || hasNoKey(string(secret)) {
				continue
			}
			for i := bytes.Index(entry, secret); i >= 0; i = bytes.Index(entry, secret) {
				copy(entry[i:], bytes.Repeat([]byte{'*'}, len(secret)))
			}
		}
	}
	return entry
}

// msgpackText is the content of the text that some bytes begin with, as far as it is there.
func msgpackText(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	head, size := 1, 0
	switch {
	case b[0]&0xe0 == 0xa0:
		size = int(b[0] & 0x1f)
	case b[0] == 0xd9 && len(b) > 1:
		head, size = 2, int(b[1])
	case b[0] == 0xda && len(b) > 2:
		head, size = 3, int(binary.BigEndian.Uint16(b[1:]))
	case b[0] == 0xdb && len(b) > 4:
		head, size = 5, int(binary.BigEndian.Uint32(b[1:]))
	}
	return b[min(head, len(b)):min(head+size, len(b))]
}
