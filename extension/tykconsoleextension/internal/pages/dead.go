package pages

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/console/view"
)

// Dead letters answer: what did not go through, and can I still save it?

type deadPage struct {
	State         *State
	Lead, JSON    string
	Pipeline      string
	Reasons       []reasonRow
	Fields        *fields
	Title, Common string
	Rows          []letterRow
	Note          string
	Letter        *letterBlock
	Actions       bool
	Replay, Drop  string
	Count         string
	Command       string
	Hidden        []struct{ Name, Value string }
	Done          *State
}

type reasonRow struct {
	Href, Count, Text, Sub string
	Chosen                 bool
}

type letterRow struct {
	Href, At, Full, List, UID, Group, Destination, Size, Reason string
	Chosen, Silent                                              bool
}

type letterBlock struct {
	UID, Group, JSON, Bytes string
	Facts                   []fact
	Tokens                  []token
	DecodeError             string
	Hex, HexTitle, More     string
	Actions                 bool
	Replay, Drop            string
}

const (
	deadRows   = 50
	deadCommon = 1000
)

var letterFields = []string{"redis", "source", "group", "destination", "since", "reason", "same"}

// letterFilter reads which letters are meant.
func (q *request) letterFilter(values url.Values) LetterFilter {
	get := func(name string) string {
		text := strings.TrimSpace(values.Get(name))
		if len(text) > mostText {
			q.fault(name, "is longer than %d bytes", mostText)
			return ""
		}
		return text
	}
	f := LetterFilter{Source: get("source"), Group: get("group"), Destination: get("destination"), Reason: get("reason"), Same: get("same")}
	if since := get("since"); since != "" {
		if d, ok := parseSpan(since); ok {
			f.Since = q.now.Add(-d)
		} else if t, err := parseTime(since); err == nil {
			f.Since = t
		} else {
			q.fault("since", "%q is no time: use one such as 90m, 2d or 2026-11-27T06:00Z", short(since))
		}
	}
	for _, uid := range values["uid"] {
		if uid = strings.TrimSpace(uid); uid != "" && len(uid) <= mostText && len(f.UIDs) < 200 {
			f.UIDs = append(f.UIDs, uid)
		}
	}
	return f
}

// narrowed tells whether only some of the letters are asked for.
func (q *request) narrowed() bool {
	return slices.ContainsFunc(letterFields, func(name string) bool { return name != "redis" && q.values.Get(name) != "" })
}

// command is what does the same with tykctl.
func (f LetterFilter) command(verb string) string {
	words := []string{"tykctl dead " + verb}
	for _, part := range []struct{ flag, value string }{{"source", f.Source}, {"group", f.Group}, {"destination", f.Destination}, {"reason", cmp.Or(f.Reason, before(f.Same, "#"))}} {
		if part.value != "" {
			value := part.value
			if strings.ContainsAny(value, " \"'$#&;|<>()*\\") {
				value = shell(value)
			}
			words = append(words, "-"+part.flag, value)
		}
	}
	if !f.Since.IsZero() {
		words = append(words, "-since", f.Since.Format(time.RFC3339))
	}
	return strings.Join(words, " ")
}

func before(text, mark string) string {
	first, _, _ := strings.Cut(text, mark)
	return strings.TrimSpace(first)
}

func (s *Site) dead(q *request) (*page, error) {
	p := &page{template: "dead", title: "Dead letters", nav: "Pipeline"}
	d := &deadPage{JSON: q.as(formJSON), Pipeline: q.link("pipeline"), Actions: q.mayAct()}
	p.data = d
	l := q.looks()
	if l == nil {
		return nil, &statusError{http.StatusOK, "no_redis", State{Title: "There is no tykredis receiver in a pipeline", Text: []string{"Dead letters are in the Redis that such a receiver reads."}}}
	}
	filter := q.letterFilter(q.values)
	snap := l.wait(q.Context())
	found, err := ask(q, func(ctx context.Context) (Letters, error) { return l.redis.Letters(ctx, filter, deadCommon) }).must(q)
	if err != nil {
		return nil, l.error(err)
	}
	if snap.look != nil {
		d.reasons(q, snap.look, filter)
		d.Fields = q.deadFields(snap.look)
	}
	d.Lead = view.Plural(found.Matching, "letter", "letters") + ". They wait here, byte for byte, until somebody replays or drops them."
	d.Title = view.Plural(found.Matching, "letter", "letters")
	if found.More {
		d.Title = "At least " + d.Title
	}
	d.Count = view.Count(found.Matching)
	d.Common = commonOf(found.Letters)
	chosen := q.one("letter")
	for i, l := range found.Letters {
		if i == deadRows {
			break
		}
		d.Rows = append(d.Rows, q.letterRow(l, chosen == l.UID))
		if chosen == l.UID || chosen == "" && i == 0 {
			d.Rows[i].Chosen = true
			d.Letter = q.letterBlock(l)
		}
	}
	d.Note = fmt.Sprintf("%d of %s shown", len(d.Rows), view.Count(found.Matching))
	d.Command = filter.command("replay")
	keep := map[string]string{}
	for _, name := range letterFields {
		keep[name] = q.values.Get(name)
		if keep[name] != "" {
			d.Hidden = append(d.Hidden, struct{ Name, Value string }{name, keep[name]})
		}
	}
	d.Replay, d.Drop = s.Base+"pipeline/dead/replay", s.Base+"pipeline/dead/drop"
	if found.Matching == 0 {
		d.State = &State{Good: true, Title: "No dead letters", Text: []string{"Everything that was claimed is delivered, in flight, or accounted for."}}
		if q.narrowed() {
			d.State = &State{Title: "No dead letter is like that", Links: []Link{{"All dead letters", q.link("pipeline/dead")}}}
		}
	}
	d.Done = q.doneState()
	p.json = q.lettersJSON(found.Letters)
	return p, nil
}

func (l *looks) error(err error) error {
	return &statusError{http.StatusServiceUnavailable, "redis_away", State{Kind: "trouble", Title: "Redis at " + l.address() + " does not answer", Text: []string{view.Visible(err.Error())}, Retry: 5}}
}

func (d *deadPage) reasons(q *request, look *Look, filter LetterFilter) {
	for _, r := range mergeReasons(look.Reasons) {
		sub := "undecodable"
		if r.Destination != "" {
			sub = "refused by " + r.Destination
		}
		if !r.Newest.IsZero() {
			sub += " · newest " + q.site.clock(r.Newest)
		}
		d.Reasons = append(d.Reasons, reasonRow{
			Href: q.linkWith("pipeline/dead", map[string]string{"same": r.Text, "group": r.Group}), Count: view.Count(r.Count), Text: view.Visible(r.Text), Sub: view.Visible(sub + " · group " + r.Group),
			Chosen: filter.Same == r.Text && (filter.Group == "" || filter.Group == r.Group),
		})
	}
}

func (q *request) deadFields(look *Look) *fields {
	f := &fields{Action: q.site.Base + "pipeline/dead", Button: "Show"}
	var sources, groups, destinations []string
	add := func(to *[]string, value string) {
		if value != "" && !slices.Contains(*to, value) {
			*to = append(*to, value)
		}
	}
	for _, r := range look.Reasons {
		add(&sources, r.Source)
		add(&groups, r.Group)
		add(&destinations, r.Destination)
	}
	pick := func(label, name, all string, values []string) {
		slices.Sort(values)
		c := choices(all, values, func(v string) (string, string) { return v, view.Visible(v) }, []string{q.values.Get(name)})
		if c == nil {
			c = []choice{{"", all, true}}
		}
		f.All = append(f.All, field{Label: label, Name: name, Choices: c})
	}
	if at := q.one("redis"); at != "" {
		f.hide("redis", at)
	}
	pick("List", "source", "all", sources)
	pick("Group", "group", "all", groups)
	pick("Refused by", "destination", "any destination", destinations)
	f.All = append(f.All, field{Label: "Given up since", Name: "since", Value: view.Visible(q.values.Get("since")), Placeholder: "90m, 2d, 2026-11-27T06:00Z", Fault: q.faults["since"]},
		field{Label: "Reason contains", Name: "reason", Value: view.Visible(q.values.Get("reason")), Placeholder: "too_large", Fault: q.faults["reason"]})
	return f
}

// commonOf says what letters have in common: their longest field, APIs and status codes.
func commonOf(letters []Letter) string {
	longest, apis, codes := map[string][2]int{}, map[string]int{}, map[string]int{}
	decoded := 0
	for _, l := range letters {
		var record map[string]any
		if l.Record == nil || json.Unmarshal(l.Record, &record) != nil {
			continue
		}
		decoded++
		name, size := "", 0
		for field, value := range record {
			if text, ok := value.(string); ok && len(text) > size {
				name, size = field, len(text)
			}
		}
		if name != "" {
			span, ok := longest[name]
			if !ok {
				span = [2]int{size, size}
			}
			longest[name] = [2]int{min(span[0], size), max(span[1], size)}
		}
		apis[cmp.Or(fmt.Sprint(record["APIName"]), fmt.Sprint(record["APIID"]))]++
		codes[fmt.Sprint(record["ResponseCode"])]++
	}
	var said []string
	if len(longest) == 1 {
		for name, span := range longest {
			lengths := view.Full(int64(span[0]))
			if span[1] != span[0] {
				lengths += " to " + view.Full(int64(span[1]))
			}
			said = append(said, fmt.Sprintf("The longest field is %s, with %s characters.", view.Visible(name), lengths))
		}
	}
	if len(apis) == 1 && decoded > 1 {
		for name := range apis {
			said = append(said, "All are of "+view.Visible(name)+".")
		}
	}
	if len(codes) == 1 && decoded > 1 {
		for code := range codes {
			if code != "<nil>" {
				said = append(said, "All have status "+view.Visible(code)+".")
			}
		}
	}
	return strings.Join(said, " ")
}

func (q *request) letterRow(l Letter, chosen bool) letterRow {
	row := letterRow{
		Href: q.linkWith("pipeline/dead", map[string]string{"letter": l.UID}, letterFields...), At: view.Unknown, List: view.Visible(shortList(l.Source)), UID: view.Visible(l.UID), Group: view.Visible(l.Group),
		Destination: view.Visible(l.Destination), Size: view.Size(int64(l.Bytes)), Reason: view.Visible(l.Reason), Chosen: chosen, Silent: l.Silent,
	}
	if !l.At.IsZero() {
		row.At, row.Full = q.site.clock(l.At), q.site.moment(l.At)
		if q.now.Sub(l.At) < day {
			row.At = l.At.In(q.site.Zone).Format("15:04:05")
		}
	}
	return row
}

// shortList is a list's name without what all have.
func shortList(name string) string {
	if at := strings.LastIndex(name, "analytics"); at > 0 {
		return "…" + name[at:]
	}
	return name
}

func (q *request) letterBlock(l Letter) *letterBlock {
	s := q.site
	b := &letterBlock{UID: view.Visible(l.UID), Group: view.Visible(l.Group), Actions: q.mayAct(), JSON: q.link("pipeline/dead/" + escape(l.Group) + "/" + escape(l.UID) + ".json")}
	b.Bytes = q.linkWith("pipeline/dead/"+escape(l.Group)+"/"+escape(l.UID), map[string]string{"bytes": "all"})
	if !l.At.IsZero() {
		b.Facts = append(b.Facts, fact{Name: "Given up", Value: s.moment(l.At)})
	}
	by := "group " + l.Group
	if l.Destination != "" {
		by = l.Destination + ", in group " + l.Group
	}
	b.Facts = append(b.Facts, fact{Name: "By", Value: view.Visible(by)}, fact{Name: "Reason", Value: view.Visible(l.Reason)}, fact{Name: "List", Value: view.Visible(l.Source), Quiet: l.Form})
	if l.Silent {
		b.Facts = append(b.Facts, fact{Name: "Readers", Value: "nobody reads for this group, so that a replay would wait"})
	}
	if l.Record != nil {
		b.Tokens = s.letterTokens(l.Record)
	}
	b.DecodeError = view.Visible(l.DecodeError)
	if entry := s.entryBytes(l); entry != nil {
		shown := entry[:min(len(entry), mostHex)]
		if q.values.Get("bytes") == "all" {
			shown = entry[:min(len(entry), mostBody)]
		}
		b.Hex, b.HexTitle = dump(shown), "The entry’s bytes, of "+view.Count(int64(l.Bytes))
		if len(shown) < l.Bytes {
			b.HexTitle, b.More = "The entry’s first bytes, of "+view.Count(int64(l.Bytes)), b.Bytes
		}
	}
	values := map[string]string{"uid": l.UID, "group": l.Group}
	b.Replay, b.Drop = q.linkWith("pipeline/dead/replay", values), q.linkWith("pipeline/dead/drop", values)
	return b
}

func (s *Site) letter(q *request) (*page, error) {
	l := q.looks()
	if l == nil {
		return nil, errNotFound
	}
	group, uid := part(q.PathValue("group")), part(q.PathValue("uid"))
	found, err := ask(q, func(ctx context.Context) (Letters, error) {
		return l.redis.Letters(ctx, LetterFilter{Group: group, UIDs: []string{uid}}, 1)
	}).must(q)
	if err != nil {
		return nil, l.error(err)
	}
	if len(found.Letters) == 0 {
		return nil, &statusError{http.StatusNotFound, "gone", State{Title: "This dead letter is not there any more", Text: []string{"It was replayed or dropped, or gave way to others."}, Links: []Link{{"Dead letters", q.link("pipeline/dead")}}}}
	}
	return &page{template: "letter", title: "Letter " + uid, nav: "Pipeline", data: q.letterBlock(found.Letters[0]), json: q.letterJSON(found.Letters[0], true)}, nil
}

func positiveInt(text string) int64 {
	n, err := strconv.ParseInt(strings.ReplaceAll(strings.TrimSpace(text), ",", ""), 10, 64)
	if err != nil {
		return -1
	}
	return n
}
