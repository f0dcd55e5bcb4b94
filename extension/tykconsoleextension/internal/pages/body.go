package pages

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http/httputil"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/otelcol-tyk/otelcol-tyk/internal/console/view"
)

// wire is a recorded request or response as people read it.
type wire struct {
	// Absent says why there is nothing.
	Absent string
	Line   string
	Heads  []headLine
	Size   string
	Notes  []string
	// Tokens are the body, with the parts of JSON told apart; Form is a form's fields; Hex are bytes.
	Tokens []token
	Form   []headLine
	Hex    string
	Hidden string
}

type headLine struct{ Name, Value, Hidden string }

// token is a piece of text: k is a name, s a text, n a number of JSON.
type token struct{ Class, Text string }

const (
	// mostBody is how much of a body is shown, mostHex how many bytes of one that is no text.
	mostBody = 1 << 20
	mostHex  = 512
)

// notRecorded says which switch records.
const notRecorded = "This request was recorded without its content. enable_detailed_recording for the gateway, or detailedActivityLogs for the API, records it."

// wireOf decodes what a gateway recorded.
func (s *Site) wireOf(recorded string, secrets []string) *wire {
	switch {
	case recorded == "":
		return &wire{Absent: notRecorded}
	case s.Bodies == "hidden":
		return &wire{Absent: "Recorded content is hidden (bodies: hidden)."}
	}
	raw, err := base64.StdEncoding.DecodeString(recorded)
	w := &wire{}
	if err != nil {
		whole := len(recorded) &^ 3
		if raw, err = base64.StdEncoding.DecodeString(recorded[:whole]); err != nil {
			if n := strings.IndexFunc(recorded, func(r rune) bool { return r == '=' || r > 0x7f }); n > 0 {
				raw, err = base64.StdEncoding.DecodeString(recorded[:n&^3])
			}
		}
		if err != nil {
			w.Hex = dump([]byte(recorded[:min(len(recorded), mostHex)]))
			w.Notes = []string{"This is no base64."}
			return w
		}
		w.Notes = append(w.Notes, "It was cut when it was recorded.")
	}
	head, body := splitHead(raw)
	heads := map[string]string{}
	for i, line := range strings.Split(strings.ReplaceAll(string(head), "\r\n", "\n"), "\n") {
		if i == 0 {
			w.Line = s.clean(pathLine(line), secrets)
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			if strings.TrimSpace(line) != "" {
				w.Heads = append(w.Heads, headLine{Name: s.clean(line, secrets)})
			}
			continue
		}
		value = strings.TrimSpace(value)
		heads[strings.ToLower(name)] = value
		w.Heads = append(w.Heads, s.headLine(name, value, secrets))
	}
	w.Size = view.Size(int64(len(body)))
	if s.Bodies == "headers" {
		w.Hidden = "bodies: headers hides the body"
		return w
	}
	s.showBody(w, body, heads, secrets)
	return w
}

// splitHead parts head and body.
func splitHead(raw []byte) (head, body []byte) {
	for _, end := range []string{"\r\n\r\n", "\n\n"} {
		if at := bytes.Index(raw, []byte(end)); at >= 0 {
			return raw[:at], raw[at+len(end):]
		}
	}
	return raw, nil
}

// pathLine masks the query of a request's first line.
func pathLine(line string) string {
	if parts := strings.SplitN(line, " ", 3); len(parts) == 3 && strings.Contains(parts[1], "?") {
		at := strings.IndexByte(parts[1], '?')
		return parts[0] + " " + parts[1][:at] + maskQuery(parts[1][at:]) + " " + parts[2]
	}
	return line
}

func (s *Site) headLine(name, value string, secrets []string) headLine {
	h := headLine{Name: view.Visible(name)}
	switch {
	case redactedForm.MatchString(value):
		h.Hidden = hiddenStored
	case secretName.MatchString(name):
		h.Hidden = hiddenHere
	default:
		h.Value = s.clean(value, secrets)
	}
	return h
}

// clean is a text without secrets and without characters that hide.
func (s *Site) clean(text string, secrets []string) string {
	for _, secret := range secrets {
		if s.Keys != "shown" && secret != "" && !hasNoKey(secret) {
			text = strings.ReplaceAll(text, secret, "…")
		}
	}
	return view.Visible(text)
}

// cleanLines is clean of a text with lines.
func (s *Site) cleanLines(text string, secrets []string) string {
	lines := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	for i, line := range lines {
		parts := strings.Split(line, "\t")
		for j := range parts {
			parts[j] = s.clean(parts[j], secrets)
		}
		lines[i] = strings.Join(parts, "\t")
	}
	return strings.Join(lines, "\n")
}

func (s *Site) showBody(w *wire, body []byte, heads map[string]string, secrets []string) {
	if len(body) == 0 {
		return
	}
	if strings.EqualFold(heads["transfer-encoding"], "chunked") {
		plain, err := io.ReadAll(io.LimitReader(httputil.NewChunkedReader(bufio.NewReader(bytes.NewReader(body))), mostBody))
		if len(plain) > 0 {
			body = plain
			w.Notes = append(w.Notes, "chunked, undone")
		}
		if err != nil && len(plain) > 0 {
			w.Notes = append(w.Notes, "cut short")
		}
	}
	if strings.Contains(strings.ToLower(heads["content-encoding"]), "gzip") {
		if z, err := gzip.NewReader(bytes.NewReader(body)); err == nil {
			plain, err := io.ReadAll(io.LimitReader(z, mostBody))
			if len(plain) > 0 {
				body = plain
				w.Notes = append(w.Notes, "gzip, undone")
			}
			if err != nil {
				w.Notes = append(w.Notes, "cut short")
			}
		}
	}
	if len(body) > mostBody {
		body = body[:mostBody]
		w.Notes = append(w.Notes, "the first "+view.Size(mostBody))
	}
	switch kind := strings.ToLower(heads["content-type"]); {
	case redactedForm.Match(body):
		w.Hidden = hiddenStored
	case looksJSON(body):
		if w.Tokens = s.jsonTokens(body, secrets); w.Tokens == nil {
			w.Tokens = s.textTokens(string(body), secrets)
		}
	case strings.HasPrefix(kind, "application/x-www-form-urlencoded") && utf8.Valid(body):
		w.Form = s.formLines(string(body), secrets)
	case utf8.Valid(body) && !bytes.ContainsRune(body, 0):
		w.Tokens = s.textTokens(string(body), secrets)
	default:
		w.Hex = dump(body[:min(len(body), mostHex)])
		if len(body) > mostHex {
			w.Notes = append(w.Notes, "its first "+view.Size(mostHex))
		}
	}
}

func looksJSON(body []byte) bool {
	b := bytes.TrimSpace(body)
	return len(b) > 0 && (b[0] == '{' || b[0] == '[') && json.Valid(b)
}

// secretPair finds values of names like those of secrets in what is no whole JSON, such as a body that was cut.
var secretPair = regexp.MustCompile(`(?i)("?[\w.-]*(?:passw(?:or)?d|secret|token|api[_-]?key|authorization|session|credential)[\w.-]*"?\s*[:=]\s*)("(?:[^"\\]|\\.)*"?|[^\s&,;}<]+)`)

func (s *Site) textTokens(text string, secrets []string) []token {
	text = secretPair.ReplaceAllString(text, "${1}…")
	return []token{{"", s.cleanLines(text, secrets)}}
}

func (s *Site) formLines(text string, secrets []string) []headLine {
	values, err := url.ParseQuery(text)
	if err != nil {
		return []headLine{{Name: s.clean(maskQuery(text), secrets)}}
	}
	var all []headLine
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, value := range values[name] {
			all = append(all, s.headLine(name, value, secrets))
		}
	}
	return all
}

// jsonTokens indents JSON and hides the values of names like those of secrets.
func (s *Site) jsonTokens(body []byte, secrets []string) []token {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	p := &jsonPrinter{site: s, decoder: d, secrets: secrets}
	if err := p.value("", false); err != nil {
		return nil
	}
	return p.tokens
}

type jsonPrinter struct {
	site    *Site
	decoder *json.Decoder
	secrets []string
	tokens  []token
}

func (p *jsonPrinter) put(class, text string) {
	if n := len(p.tokens); n > 0 && p.tokens[n-1].Class == class {
		p.tokens[n-1].Text += text
		return
	}
	p.tokens = append(p.tokens, token{class, text})
}

func quoted(text string) string {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(text); err != nil {
		return `""`
	}
	return strings.TrimSuffix(out.String(), "\n")
}

// value writes the next one; hidden hides everything in it.
func (p *jsonPrinter) value(indent string, hidden bool) error {
	t, err := p.decoder.Token()
	if err != nil {
		return err
	}
	switch v := t.(type) {
	case json.Delim:
		return p.group(v, indent, hidden)
	case string:
		switch {
		case redactedForm.MatchString(v):
			p.put("h", hiddenStored)
		case hidden:
			p.put("h", hiddenHere)
		default:
			p.put("s", view.Visible(quoted(p.site.clean(v, p.secrets))))
		}
	case json.Number:
		if hidden {
			p.put("h", hiddenHere)
		} else {
			p.put("n", v.String())
		}
	case bool:
		p.put("n", map[bool]string{true: "true", false: "false"}[v])
	default:
		p.put("n", "null")
	}
	return nil
}

// group writes an object or a list, of which the beginning was read.
func (p *jsonPrinter) group(begin json.Delim, indent string, hidden bool) error {
	end := map[json.Delim]string{'{': "}", '[': "]"}[begin]
	p.put("", begin.String())
	first := true
	for p.decoder.More() {
		if !first {
			p.put("", ",")
		}
		first = false
		p.put("", "\n"+indent+"  ")
		hide := hidden
		if begin == '{' {
			t, err := p.decoder.Token()
			if err != nil {
				return err
			}
			name, _ := t.(string)
			hide = hide || secretName.MatchString(name)
			p.put("k", view.Visible(quoted(p.site.clean(name, p.secrets))))
			p.put("", ": ")
		}
		if err := p.value(indent+"  ", hide); err != nil {
			return err
		}
	}
	if !first {
		p.put("", "\n"+indent)
	}
	p.put("", end)
	_, err := p.decoder.Token()
	return err
}

// dump shows bytes, eight in a line, so that a line fits beside others.
func dump(b []byte) string {
	const each = 8
	var out strings.Builder
	for at := 0; at < len(b); at += each {
		line := b[at:min(at+each, len(b))]
		fmt.Fprintf(&out, "%08x ", at)
		for i := range each {
			if i < len(line) {
				fmt.Fprintf(&out, " %02x", line[i])
			} else {
				out.WriteString("   ")
			}
		}
		out.WriteString("  ")
		for _, c := range line {
			if c < ' ' || c > '~' {
				c = '.'
			}
			out.WriteByte(c)
		}
		out.WriteByte('\n')
	}
	return out.String()
}
