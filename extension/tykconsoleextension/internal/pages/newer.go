package pages

import (
	"context"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/console/query"
	"github.com/otelcol-tyk/otelcol-tyk/internal/console/view"
)

// newerBlock says how many records are newer than the first that a page shows. It is asked for again by scripts; without
// them, it is a link to a page of these records.
type newerBlock struct {
	Text, Href string
	// Look asks again how many there are.
	Look string
	// Every is after how many seconds scripts ask.
	Every int
}

const (
	// newerEvery is how often a page asks for newer records, mostNewer how many are counted.
	newerEvery = 5 * time.Second
	mostNewer  = 200
)

// fillNewer has a page look for what is newer than its first record, where its time does not end before.
func (q *request) fillNewer(l *logsPage, search query.Search, found query.Page) {
	if len(found.Records) == 0 || search.Before != nil || search.To.Before(q.now.Add(-time.Minute)) {
		return
	}
	after := found.Records[0].Ref.String()
	set := map[string]string{"after": after, "before": "", "record": ""}
	l.Newer = &newerBlock{Href: q.here(set), Every: int(newerEvery / time.Second)}
	set["block"] = "newer"
	l.Newer.Look = q.here(set)
}

// newer says how many records are newer than a place.
func (q *request) newer(p *page, store query.Store, search query.Search) (*page, error) {
	if search.After == nil {
		return nil, badRequest("Nothing says newer than what", "after is a place that a page gave.")
	}
	search.Before, search.Limit = nil, mostNewer
	found, err := ask(q, func(ctx context.Context) (query.Page, error) { return store.Logs(ctx, search) }).must(q)
	if err != nil {
		return nil, err
	}
	n := &newerBlock{Href: q.linkWith(q.path(), map[string]string{"after": "", "block": ""}, searchFields...)}
	count := int64(len(found.Records))
	if count > 0 {
		n.Text = view.Count(count) + " newer"
	}
	if found.Next != nil {
		n.Text = "At least " + n.Text
	}
	p.fragments["newer"] = &block{Name: "newer", Data: n}
	p.json = map[string]any{"newer": count, "more": found.Next != nil, "after": search.After.String()}
	return p, nil
}

// searchFields are the parameters of a search, but for places.
var searchFields = []string{"range", "from", "to", "org", "api", "status", "path", "key", "q", "in", "trace", "slower", "method", "country", "limit"}
