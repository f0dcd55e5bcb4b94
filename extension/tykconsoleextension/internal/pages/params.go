package pages

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/console/query"
)

// params are what a URL asks for, in the words of all pages.
type params struct {
	values   url.Values
	from, to time.Time
	// span is the relative range; empty where fixed times are given.
	span    string
	compare string
	orgs    []string
	apis    []string
	keys    []string
	paths   []string
	methods []string
	lands   []string
	status  []query.StatusRange
	text    string
	trace   string
	slower  time.Duration
	tcp     bool
	sort    string
	rising  bool
	limit   int
	// faults are the fields that could not be read, by name.
	faults map[string]string
	now    time.Time
}

const (
	day         = 24 * time.Hour
	week        = 7 * day
	longest     = 5 * 366 * day
	defaultSpan = "24h"
	pageLength  = 50
	// mostValues is how many values of one field are looked at, and mostText how long one may be.
	mostValues = 50
	mostText   = 1000
)

var (
	spanForm  = regexp.MustCompile(`^(\d{1,5})([mhd])$`)
	traceForm = regexp.MustCompile(`^[0-9a-fA-F]{32}$`)
)

// readParams reads a URL's parameters. What does not parse is left out and named in faults.
func readParams(values url.Values, now time.Time, span string) *params {
	p := &params{values: values, now: now.UTC(), faults: map[string]string{}, span: span, limit: pageLength}
	p.readTimes()
	p.compare = values.Get("compare")
	if !slices.Contains([]string{"week", "prev", "off"}, p.compare) {
		if p.compare != "" {
			p.fault("compare", "%q is no comparison: use week, prev or off", p.compare)
		}
		p.compare = "week"
		if p.to.Sub(p.from) > week {
			p.compare = "prev"
		}
	}
	p.orgs, p.apis, p.keys, p.paths = p.list("org"), p.list("api"), p.list("key"), p.list("path")
	p.methods, p.lands = p.list("method"), p.list("country")
	if status := strings.Join(p.list("status"), ","); strings.EqualFold(status, "tcp") {
		p.tcp = true
	} else if ranges, err := query.ParseStatus(status); err != nil {
		p.fault("status", "%v", err)
	} else {
		p.status = ranges
	}
	p.text = p.one("q")
	if p.trace = strings.ToLower(p.one("trace")); p.trace != "" && !traceForm.MatchString(p.trace) {
		p.fault("trace", "%q is no trace id: use 32 hex digits", short(p.trace))
		p.trace = ""
	}
	if slower := p.one("slower"); slower != "" {
		d, err := time.ParseDuration(strings.ReplaceAll(slower, " ", ""))
		if err != nil || d <= 0 || d > day {
			p.fault("slower", "%q is no latency: use one such as 500ms or 2s", short(slower))
		} else {
			p.slower = d
		}
	}
	p.sort = p.one("sort")
	p.rising = !strings.HasPrefix(p.sort, "-")
	p.sort = strings.TrimPrefix(p.sort, "-")
	if limit := p.one("limit"); limit != "" {
		n, err := strconv.Atoi(limit)
		if err != nil || n < 10 || n > 200 {
			p.fault("limit", "%q is no length of a page: use a number from 10 to 200", short(limit))
		} else {
			p.limit = n
		}
	}
	return p
}

func (p *params) fault(field, format string, args ...any) {
	p.faults[field] = field + ": " + fmt.Sprintf(format, args...)
}

func (p *params) one(name string) string {
	value := p.values.Get(name)
	if len(value) > mostText {
		p.fault(name, "is longer than %d bytes", mostText)
		return ""
	}
	return strings.TrimSpace(value)
}

func (p *params) list(name string) []string {
	var all []string
	for _, value := range p.values[name] {
		value = strings.TrimSpace(value)
		switch {
		case value == "":
		case len(value) > mostText:
			p.fault(name, "is longer than %d bytes", mostText)
		case len(all) == mostValues:
			p.fault(name, "is there more than %d times", mostValues)
		default:
			all = append(all, value)
		}
	}
	return all
}

// readTimes reads range, from and to; from wins.
func (p *params) readTimes() {
	length, _ := time.ParseDuration("24h")
	if d, ok := parseSpan(p.span); ok {
		length = d
	}
	if text := p.one("range"); text != "" && text != "fixed" {
		if d, ok := parseSpan(text); ok {
			length, p.span = d, text
		} else {
			p.fault("range", "%q is no range: use one such as 90m, 24h or 7d", short(text))
		}
	}
	p.to = p.now
	p.from = p.to.Add(-length)
	if p.one("range") != "" && p.one("range") != "fixed" && p.faults["range"] == "" {
		return // a range that was chosen in the bar of a page with fixed times
	}
	from, to := p.one("from"), p.one("to")
	if from == "" {
		return
	}
	start, err := parseTime(from)
	if err != nil {
		p.fault("from", "%q is no time: use one such as 2026-11-27T14:00:00Z, or Unix seconds", short(from))
		return
	}
	end := p.now
	if to != "" {
		if end, err = parseTime(to); err != nil {
			p.fault("to", "%q is no time: use one such as 2026-11-27T14:00:00Z, or Unix seconds", short(to))
			return
		}
	}
	if !end.After(start) || end.Sub(start) > longest {
		p.fault("to", "it must lie behind from, by five years at most")
		return
	}
	p.from, p.to, p.span = start, end, ""
}

func parseSpan(text string) (time.Duration, bool) {
	m := spanForm.FindStringSubmatch(text)
	if m == nil {
		return 0, false
	}
	n, err := strconv.Atoi(m[1])
	d := time.Duration(n) * map[string]time.Duration{"m": time.Minute, "h": time.Hour, "d": day}[m[2]]
	return d, err == nil && d >= time.Minute && d <= longest
}

func parseTime(text string) (time.Time, error) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		if n < 0 || n > 253402300799 {
			return time.Time{}, strconv.ErrRange
		}
		return time.Unix(n, 0).UTC(), nil
	}
	for _, form := range []string{time.RFC3339, "2006-01-02T15:04Z07:00", "2006-01-02"} {
		if t, err := time.Parse(form, text); err == nil && t.Year() >= 1970 && t.Year() <= 9999 {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time", text)
}

func short(text string) string {
	const most = 40
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return text
}

// spanText says a relative range in words.
func spanText(span string) string {
	m := spanForm.FindStringSubmatch(span)
	if m == nil {
		return span
	}
	unit := map[string]string{"m": "minute", "h": "hour", "d": "day"}[m[2]]
	if m[1] == "1" {
		return "Last " + unit
	}
	return "Last " + m[1] + " " + unit + "s"
}
