package pages

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/console/query"
)

// failed is the page in the place of one that could not be made.
func (s *Site) failed(q *request, err error) *page {
	p := &page{template: "message", title: "Not available", status: http.StatusOK, nav: navOf(q.URL.Path)}
	state := s.stateOf(q, err)
	state.First = true
	p.data = state
	p.title = state.Title
	var (
		trouble *query.Error
		given   *statusError
	)
	switch {
	case errors.Is(err, errNotFound):
		p.status = http.StatusNotFound
	case errors.Is(err, query.ErrGone):
		p.status = http.StatusNotFound
	case errors.Is(err, ErrStarting):
		p.status = http.StatusServiceUnavailable
		q.w.Header().Set("Retry-After", "1")
		p.refresh = 2
	case errors.Is(err, query.ErrBusy):
		p.status = http.StatusServiceUnavailable
		q.w.Header().Set("Retry-After", "2")
		p.refresh = 2
	case errors.Is(err, query.ErrAway):
		p.status = http.StatusServiceUnavailable
		p.refresh = 5
	case errors.Is(err, context.DeadlineExceeded): // the machine has much else to do
		p.status = http.StatusServiceUnavailable
		q.w.Header().Set("Retry-After", "2")
	case errors.As(err, &trouble):
	case errors.As(err, &given):
		p.status = given.status
	case errors.As(err, new(*NoStoreError)):
	default:
		p.status = http.StatusInternalServerError
	}
	if q.form != formHTML {
		status := p.status
		if status == http.StatusOK {
			status = http.StatusServiceUnavailable
		}
		q.problem(status, codeOf(err), strings.Join(append([]string{state.Title}, state.Text...), ". "))
		return nil
	}
	if q.block != "" {
		p.fragments = map[string]*block{}
	}
	return p
}

// navOf is the page of the navigation that a path belongs to.
func navOf(path string) string {
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	for name, title := range map[string]string{
		"": "Overview", "apis": "APIs", "keys": "Keys", "endpoints": "Endpoints", "endpoint": "Endpoints", "logs": "Logs", "live": "Live", "pipeline": "Pipeline", "settings": "Settings",
	} {
		if name == first {
			return title
		}
	}
	return ""
}

// base is what a page of figures begins with.
type base struct {
	store query.Store
	info  query.Info
	scope query.Scope
	// before is what is compared with; compared says whether.
	before   query.Scope
	compared bool
	than     string
}

// begin finds the store and the range of a page of figures.
func (q *request) begin(filter query.Filter) (*base, error) {
	store, err := q.site.backend.Store()
	if err != nil {
		return nil, err
	}
	type start struct {
		info query.Info
		r    query.Range
	}
	got, err := ask(q, func(ctx context.Context) (start, error) {
		info, err := store.Info(ctx)
		if err != nil {
			return start{}, err
		}
		r, err := store.Resolve(ctx, q.from, q.to, filter)
		return start{info, r}, err
	}).must(q)
	if err != nil {
		return nil, err
	}
	q.asked = q.site.Now() // what a page cannot do without is not part of the blocks' time
	q.site.watches.remember(got.info)
	b := &base{store: store, info: got.info, scope: query.Scope{Range: got.r, Filter: filter}}
	switch q.compare {
	case "week":
		b.compared, b.than = true, "a week before"
		b.before = query.Scope{Range: got.r.Before(week), Filter: filter}
	case "prev":
		width := max(got.r.Width, time.Second)
		b.compared, b.than = true, "the time before"
		b.before = query.Scope{Range: got.r.Before(got.r.To.Sub(got.r.From).Truncate(width)), Filter: filter}
	}
	return b, nil
}

// filter is what the bar chooses.
func (q *request) filter() query.Filter {
	return query.Filter{Orgs: q.orgs, APIs: q.apis}
}
