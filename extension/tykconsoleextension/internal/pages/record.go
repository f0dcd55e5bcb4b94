package pages

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/console/query"
	"github.com/otelcol-tyk/otelcol-tyk/internal/console/view"
)

// longestKept is for how many years a record may be kept to be worth saying; gateways write a century for "for ever".
const longestKept = 50

// recordPage is one request in full.
type recordPage struct {
	Ref, Alone            string
	Status, Class, Title  string
	Big, Unit, Split      string
	GatewayWidth, UpWidth string
	Facts                 []fact
	Request, Response     *wire
	Curl                  string
	Newer, Older, Close   string
	Heading               int
}

func (s *Site) record(q *request) (*page, error) {
	store, err := s.backend.Store()
	if err != nil {
		return nil, err
	}
	r, err := q.findRecord(store, part(q.PathValue("org")), part(q.PathValue("api")), q.PathValue("record"))
	if err != nil {
		return nil, err
	}
	rp := q.recordPage(store, &r)
	rp.Close, rp.Heading = s.Base+"logs", 1
	return &page{template: "record", title: rp.Status + " " + rp.Title, nav: "Logs", data: rp, json: q.wholeRecord(&r, rp)}, nil
}

func (q *request) findRecord(store query.Store, org, api, record string) (query.Record, error) {
	ref, err := query.ParseRef(org, api, record)
	if err != nil {
		return query.Record{}, &statusError{http.StatusNotFound, "not_found", State{Title: "This is no reference of a record", Text: textOf(err.Error())}}
	}
	r, err := ask(q, func(ctx context.Context) (query.Record, error) { return store.Record(ctx, ref) }).must(q)
	if codeOf(err) == string(query.Gone) {
		return r, &statusError{http.StatusNotFound, "gone", State{
			Title: "This record is not in the store any more", Text: []string{"It was of " + q.site.moment(ref.At) + ", of the API " + view.Visible(api) + "."}, Links: []Link{{"Logs", q.site.Base + "logs"}},
		}}
	}
	return r, err
}

// openRecord shows a record beside the list.
func (q *request) openRecord(l *logsPage, store query.Store, at string) error {
	parts := strings.Split(at, "/")
	if len(parts) != 3 {
		q.fault("record", "%q is no reference of a record", short(at))
		return nil
	}
	for i := range parts[:2] {
		parts[i] = part(unescape(parts[i]))
	}
	r, err := q.findRecord(store, parts[0], parts[1], parts[2])
	if err != nil {
		return err
	}
	l.Record, l.Open = q.recordPage(store, &r), true
	l.Record.Close, l.Record.Heading = q.here(map[string]string{"record": ""}), 2
	for i := range l.Rows {
		if !l.Rows[i].Chosen {
			continue
		}
		if i > 0 {
			l.Record.Newer = l.Rows[i-1].Href
		}
		if i+1 < len(l.Rows) {
			l.Record.Older = l.Rows[i+1].Href
		}
	}
	return nil
}

func (q *request) recordPage(store query.Store, r *query.Record) *recordPage {
	s := q.site
	m := s.maskRecord(*r)
	row := q.recordRow(r, float64(max(1, r.Latency.Total)), nil)
	rp := &recordPage{Ref: row.Ref, Alone: row.Alone, Status: row.Status, Class: row.Class, Title: strings.TrimSpace(row.Method + " " + row.Path)}
	rp.Big, rp.Unit = view.Millis(float64(r.Latency.Total)), "ms"
	gateway := gatewayPart(r)
	rp.Split = fmt.Sprintf("gateway %s, upstream %s", view.LatencyText(gateway), view.LatencyText(float64(r.Latency.Upstream)))
	rp.GatewayWidth, rp.UpWidth = view.Width(gateway, float64(max(1, r.Latency.Total))), view.Width(float64(r.Latency.Upstream), float64(max(1, r.Latency.Total)))
	add := func(name, value, quiet, href string, code bool) {
		if value != "" {
			rp.Facts = append(rp.Facts, fact{Name: name, Value: value, Quiet: quiet, Href: href, Code: code})
		}
	}
	add("Time", s.moment(r.TimeStamp), view.Age(q.now.Sub(r.TimeStamp))+" ago", "", false)
	version := m.APIVersion
	if version == "Non Versioned" || version == "" {
		version = "not versioned"
	}
	add("API", row.API, strings.TrimSuffix(version+", "+view.Visible(r.OrgID), ", "), s.Base+"apis/"+escape(r.OrgID)+"/"+escape(r.APIID), false)
	upstream := m.Host
	if m.RawPath != "" {
		upstream += m.RawPath
	}
	add("Upstream", upstream, "", "", true)
	name, sub, _ := s.callerName(r.APIKey, r.Alias)
	href := ""
	if !hasNoKey(r.APIKey) {
		href = s.Base + "keys/" + store.KeyRef(r.APIKey)
	}
	add("Caller", name, sub, href, false)
	add("OAuth client", m.OauthID, "", "", true)
	add("Client", m.IPAddress, place(r), "", false)
	add("Agent", m.UserAgent, "", "", false)
	shown, trace := tags(r.Tags)
	if len(shown) > 0 {
		rp.Facts = append(rp.Facts, fact{Name: "Tags", Tags: shown})
	}
	if trace != "" {
		q.traceFact(rp, r, trace)
	}
	if r.GraphQL.IsGraphQL {
		add("GraphQL", fmt.Sprint(r.GraphQL.OperationType), view.Visible(strings.Join(r.GraphQL.RootFields, ", ")), "", false)
		for _, e := range r.GraphQL.Errors {
			add("Error", view.Visible(e.Message), "", "", false)
		}
	}
	if !r.ExpireAt.IsZero() && r.ExpireAt.Year() > 2000 && r.ExpireAt.Before(q.now.AddDate(longestKept, 0, 0)) {
		add("Kept until", s.moment(r.ExpireAt), "", "", false)
	}
	secrets := []string{r.APIKey, r.OauthID}
	rp.Request, rp.Response = s.wireOf(r.RawRequest, secrets), s.wireOf(r.RawResponse, secrets)
	rp.Curl = curl(rp.Request)
	return rp
}

func (q *request) traceFact(rp *recordPage, r *query.Record, trace string) {
	f := fact{Name: "Trace", Value: trace[:16] + "…", Code: true, Quiet: "all of it", Href: q.site.Base + "logs?trace=" + trace + "&at=" + strconv.FormatInt(r.TimeStamp.Unix(), 10)}
	if q.site.TraceURL != "" {
		start, end := r.TimeStamp.Add(-time.Hour), r.TimeStamp.Add(time.Hour)
		f.Quiet = "in the trace store ↗"
		f.Href = strings.NewReplacer("{trace_id}", trace, "{start}", strconv.FormatInt(start.UnixMilli(), 10), "{end}", strconv.FormatInt(end.UnixMilli(), 10)).Replace(q.site.TraceURL)
	}
	rp.Facts = append(rp.Facts, f)
}

func place(r *query.Record) string {
	city := r.Geo.CityNames["en"]
	return view.Visible(strings.TrimPrefix(strings.TrimSuffix(city+", "+r.Geo.CountryISOCode, ", "), ", "))
}

// curl is a request as a command, without what is hidden.
func curl(w *wire) string {
	parts := strings.Fields(w.Line)
	if len(parts) < 2 || w.Absent != "" {
		return ""
	}
	host, hidden := "", []string{}
	var args []string
	for _, h := range w.Heads {
		switch {
		case h.Hidden != "":
			hidden = append(hidden, h.Name)
		case strings.EqualFold(h.Name, "host"):
			host = h.Value
		case strings.EqualFold(h.Name, "content-length"), strings.EqualFold(h.Name, "transfer-encoding"):
		default:
			args = append(args, "-H "+shell(h.Name+": "+h.Value))
		}
	}
	var text strings.Builder
	if len(hidden) > 0 {
		text.WriteString("# without " + strings.Join(hidden, ", ") + "\n")
	}
	text.WriteString("curl -X " + shell(parts[0]) + " " + shell("https://"+host+parts[1]))
	if body := textOfTokens(w.Tokens); body != "" {
		args = append(args, "--data-raw "+shell(body))
	}
	for _, a := range args {
		text.WriteString(" \\\n  " + a)
	}
	return text.String()
}

func textOfTokens(tokens []token) string {
	var text strings.Builder
	for _, t := range tokens {
		text.WriteString(t.Text)
	}
	return text.String()
}

func shell(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// recordJSON is a record as JSON: as tykctl names its fields, masked.
type recordJSON struct {
	Ref           string    `json:"ref"`
	TimeStamp     time.Time `json:"timestamp"`
	ResponseCode  int64     `json:"responsecode"`
	Method        string    `json:"method"`
	Path          string    `json:"path"`
	OriginalPath  string    `json:"originalpath,omitempty"`
	RawPath       string    `json:"rawpath,omitempty"`
	Host          string    `json:"host,omitempty"`
	OrgID         string    `json:"orgid"`
	APIID         string    `json:"apiid"`
	APIName       string    `json:"apiname,omitempty"`
	APIVersion    string    `json:"apiversion,omitempty"`
	APIKey        string    `json:"apikey,omitempty"`
	Alias         string    `json:"alias,omitempty"`
	OauthID       string    `json:"oauthid,omitempty"`
	IPAddress     string    `json:"ipaddress,omitempty"`
	Country       string    `json:"country,omitempty"`
	UserAgent     string    `json:"useragent,omitempty"`
	Total         int64     `json:"latency_total_ms"`
	Upstream      int64     `json:"latency_upstream_ms"`
	ContentLength int64     `json:"contentlength"`
	Tags          []string  `json:"tags,omitempty"`
	TraceID       string    `json:"trace_id,omitempty"`
	RequestBytes  int64     `json:"request_bytes"`
	ResponseBytes int64     `json:"response_bytes"`
}

func (q *request) recordJSON(r *query.Record) recordJSON {
	m := q.site.maskRecord(*r)
	_, trace := tags(r.Tags)
	return recordJSON{
		Ref: escape(r.OrgID) + "/" + escape(r.APIID) + "/" + r.Ref.String(), TimeStamp: r.TimeStamp.UTC(), ResponseCode: r.ResponseCode, Method: m.Method, Path: m.Path, OriginalPath: m.OriginalPath, RawPath: m.RawPath, Host: m.Host,
		OrgID: r.OrgID, APIID: r.APIID, APIName: m.APIName, APIVersion: m.APIVersion, APIKey: m.APIKey, Alias: m.Alias, OauthID: m.OauthID, IPAddress: m.IPAddress, Country: r.Geo.CountryISOCode, UserAgent: m.UserAgent,
		Total: r.Latency.Total, Upstream: r.Latency.Upstream, ContentLength: r.ContentLength, Tags: m.Tags, TraceID: trace, RequestBytes: r.RequestBytes, ResponseBytes: r.ResponseBytes,
	}
}

func (q *request) recordsJSON(records []query.Record) []recordJSON {
	all := []recordJSON{}
	for i := range records {
		all = append(all, q.recordJSON(&records[i]))
	}
	return all
}

// wholeRecord is one record with its content, as it is shown.
func (q *request) wholeRecord(r *query.Record, rp *recordPage) any {
	return struct {
		recordJSON
		Request  map[string]any `json:"request"`
		Response map[string]any `json:"response"`
	}{q.recordJSON(r), wireJSON(rp.Request), wireJSON(rp.Response)}
}

func wireJSON(w *wire) map[string]any {
	if w.Absent != "" {
		return map[string]any{"absent": w.Absent}
	}
	heads := [][2]string{}
	lines := func(of []headLine) [][2]string {
		all := [][2]string{}
		for _, h := range of {
			all = append(all, [2]string{h.Name, named(h.Value, h.Hidden)})
		}
		return all
	}
	heads = append(heads, lines(w.Heads)...)
	out := map[string]any{"line": w.Line, "headers": heads, "notes": w.Notes}
	body := textOfTokens(w.Tokens)
	switch {
	case w.Hidden != "":
		out["hidden"] = w.Hidden
	case w.Form != nil:
		out["form"] = lines(w.Form)
	case w.Hex != "":
		out["hex"] = w.Hex
	case body != "":
		out["body"] = body
	}
	return out
}

func (q *request) logsJSON(search query.Search, found query.Page) any {
	out := map[string]any{
		"meta":    map[string]any{"from": search.From.UTC(), "to": search.To.UTC(), "made_at": q.now, "took_ms": q.site.Now().Sub(q.now).Milliseconds(), "blocks": map[string]any{"records": found.Answer}},
		"records": q.recordsJSON(found.Records), "searched": found.Searched, "searched_to": found.SearchedTo,
	}
	if found.Next != nil {
		out["next"] = found.Next.String()
	}
	return out
}

func recordHeads() []string {
	return []string{"timestamp", "responsecode", "method", "path", "rawpath", "host", "orgid", "apiid", "apiname", "apiversion", "apikey", "alias", "ipaddress", "country", "useragent", "latency_total_ms", "latency_upstream_ms", "contentlength", "tags", "trace_id", "ref"}
}

func (q *request) recordCells(r *query.Record) []string {
	j := q.recordJSON(r)
	n := func(v int64) string { return strconv.FormatInt(v, 10) }
	cells := []string{j.TimeStamp.Format(time.RFC3339Nano), n(j.ResponseCode), j.Method, named(j.OriginalPath, j.Path), j.RawPath, j.Host, j.OrgID, j.APIID, j.APIName, j.APIVersion, j.APIKey, j.Alias, j.IPAddress, j.Country, j.UserAgent, n(j.Total), n(j.Upstream), n(j.ContentLength), strings.Join(j.Tags, " "), j.TraceID, j.Ref}
	for i := range cells {
		if cells[i] != "-1" {
			cells[i] = safeCell(cells[i])
		}
	}
	return cells
}
