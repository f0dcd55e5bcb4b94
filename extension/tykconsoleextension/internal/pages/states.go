package pages

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/internal/console/query"
	"github.com/otelcol-tyk/otelcol-tyk/internal/console/view"
)

var errNotFound = errors.New("there is no such page")

// statusError is an answer with a status and words for people.
type statusError struct {
	status int
	code   string
	state  State
}

func (e *statusError) Error() string { return e.state.Title }

func (s *Site) notFound(*request) (*page, error) { return nil, errNotFound }

// codeOf is an error's kind, for machines.
func codeOf(err error) string {
	var (
		store  *query.Error
		none   *NoStoreError
		status *statusError
	)
	switch {
	case errors.As(err, &store):
		return string(store.Code)
	case errors.As(err, &none):
		return "no_store"
	case errors.As(err, &status):
		return status.code
	case errors.Is(err, ErrStarting):
		return "starting"
	case errors.Is(err, errNotFound):
		return "not_found"
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	default:
		return "failed"
	}
}

const sqliteConfig = "exporters:\n  tyksql:\n    driver: sqlite\n    datasource: ./tyk-analytics.db"

// stateOf says in words why there is no page.
func (s *Site) stateOf(q *request, err error) *State {
	var (
		store  *query.Error
		none   *NoStoreError
		status *statusError
	)
	pipeline := Link{"Pipeline", s.Base + "pipeline"}
	switch {
	case errors.As(err, &status):
		state := status.state
		return &state
	case errors.Is(err, ErrStarting):
		return &State{Title: "Starting: pipelines are not up yet", Text: []string{"This page loads again by itself."}, Retry: 1}
	case errors.Is(err, errNotFound):
		return &State{Title: "There is no such page", Text: []string{"Nothing is at " + view.Visible(short(q.URL.Path)) + "."}, Links: []Link{{"Overview", s.Base}}}
	case errors.As(err, &none):
		return noStore(none, pipeline)
	case errors.As(err, &store):
		return s.storeState(q, store, pipeline)
	case errors.Is(err, context.DeadlineExceeded):
		return &State{Kind: "notice", Title: "The store did not answer in time", Text: []string{"Try a shorter time."}, Again: q.here(nil)}
	default:
		id := s.incident(q, err)
		return &State{Kind: "trouble", Title: "The console failed", Text: []string{"The collector's log says why, under the id " + id + "."}, Links: []Link{{"Overview", s.Base}}}
	}
}

func noStore(none *NoStoreError, pipeline Link) *State {
	state := &State{
		Title: "This collector writes to no store that the console can read",
		Text:  []string{"It reads tables that a tyksql exporter of this configuration writes: PostgreSQL, MySQL, MariaDB or SQLite. Pipeline works without."},
		Code:  []string{sqliteConfig}, Links: []Link{pipeline},
	}
	if len(none.Exporters) > 0 {
		state.Text = append(state.Text, "The exporters of this configuration are "+strings.Join(none.Exporters, ", ")+".")
	}
	if none.Mongo {
		state.Title = "The console reads SQL, and records go to MongoDB"
		state.Text = []string{"A tyksql exporter beside tykmongo, into an SQLite file, gives the console what it reads. Pipeline works without."}
	}
	return state
}

func (s *Site) storeState(q *request, e *query.Error, pipeline Link) *State {
	text := []string{}
	if e.Err != nil {
		text = append(text, e.Err.Error())
	}
	if e.Remedy != "" {
		text = append(text, sentence(e.Remedy))
	}
	state := &State{Title: sentenceStart(e.Text), Text: text, Code: e.Statements}
	switch e.Code {
	case query.Away:
		state.Kind, state.Again, state.Links, state.Retry = "trouble", q.here(nil), []Link{pipeline}, 5
		if waiting := s.watches.waiting(); waiting > 0 {
			state.Text = append(state.Text, fmt.Sprintf("Nothing is lost: %s wait in Redis until it is back.", view.Plural(waiting, "record", "records")))
		}
	case query.Busy:
		state.Retry = 2
	case query.Timeout:
		state.Kind = "notice"
		state.Links = []Link{{"Try the last 6 hours", q.here(map[string]string{"range": "6h", "from": "", "to": ""})}}
	case query.Missing, query.Unindexed, query.ChooseOrganisation:
		state.Kind = "notice"
	case query.Gone:
		state.Links = []Link{{"Logs", s.Base + "logs"}}
	}
	return state
}

// sentence ends a text with a full stop.
func sentence(text string) string {
	text = sentenceStart(text)
	if text == "" || strings.HasSuffix(text, ".") || strings.HasSuffix(text, "?") || strings.HasSuffix(text, ":") {
		return text
	}
	return text + "."
}

func sentenceStart(text string) string {
	if text == "" || text[0] < 'a' || text[0] > 'z' {
		return text
	}
	if word, _, _ := strings.Cut(text, " "); strings.ContainsAny(word, "_./:") {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

func badRequest(title string, text ...string) error {
	return &statusError{http.StatusBadRequest, "bad_parameter", State{Kind: "notice", Title: title, Text: text}}
}

// empty is the state of a store that has no rows at all.
func (s *Site) empty(q *request, info query.Info) *State {
	text := []string{"The table of requests in " + info.Place + " is there and has no rows."}
	if address := s.watches.addresses(); address != "" {
		text = []string{"The table of requests in " + info.Place + " is there and has no rows, and nothing that gateways pushed to " + address + " has been stored."}
	}
	return &State{
		Title: "No requests yet", Retry: 2, Again: q.here(nil),
		Text: append(text, "A gateway records requests when enable_analytics is true in its tyk.conf, and its storage is this Redis. This page looks again every 2 s."),
	}
}
