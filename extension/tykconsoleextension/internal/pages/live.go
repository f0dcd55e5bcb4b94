package pages

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/console/query"
)

// Live answers: I am calling it now; does it arrive?

const (
	mostViewers  = 20
	mostASecond  = 200
	lookBack     = 5 * time.Second
	liveRows     = 500
	livePageRows = 50
	keepAlive    = 15 * time.Second
)

type livePageData struct {
	State  *State
	Events string
	Logs   string
	Rows   []recordRow
}

// live asks the store once a second for all who watch.
type live struct {
	site *Site
	mu   sync.Mutex
	// watching are the viewers; the asking goes on while there are any.
	watching map[chan []query.Record]bool
	stop     context.CancelFunc
	done     sync.WaitGroup
	seen     map[query.Ref]time.Time
	closed   bool
}

func newLive(s *Site) *live {
	return &live{site: s, watching: map[chan []query.Record]bool{}, seen: map[query.Ref]time.Time{}}
}

func (l *live) close() {
	l.mu.Lock()
	l.closed = true
	if l.stop != nil {
		l.stop()
	}
	for c := range l.watching {
		close(c)
		delete(l.watching, c)
	}
	l.mu.Unlock()
	l.done.Wait()
}

// watch adds a viewer; nil where there are too many.
func (l *live) watch() chan []query.Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || len(l.watching) >= mostViewers {
		return nil
	}
	c := make(chan []query.Record, 8)
	l.watching[c] = true
	if len(l.watching) == 1 {
		ctx, cancel := context.WithCancel(context.Background())
		l.stop = cancel
		clear(l.seen)
		l.done.Go(func() { l.poll(ctx) })
	}
	return c
}

func (l *live) leave(c chan []query.Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.watching[c] {
		delete(l.watching, c)
	}
	if len(l.watching) == 0 && l.stop != nil {
		l.stop()
		l.stop = nil
	}
}

func (l *live) poll(ctx context.Context) {
	began := l.site.Now()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		store, err := l.site.backend.Store()
		if err != nil {
			continue
		}
		records, _, err := store.Newest(ctx, l.site.Now().Add(-lookBack), nil, liveRows)
		if err != nil {
			continue
		}
		l.tell(records, began)
	}
}

// tell gives viewers what was not seen before. What is older than the first look was on the page already.
func (l *live) tell(records []query.Record, began time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.site.Now()
	var fresh []query.Record
	for i := range records {
		ref := records[i].Ref
		if _, ok := l.seen[ref]; ok {
			continue
		}
		l.seen[ref] = now
		if records[i].TimeStamp.After(began.Add(-lookBack)) {
			fresh = append(fresh, records[i])
		}
	}
	for ref, at := range l.seen {
		if now.Sub(at) > 4*lookBack {
			delete(l.seen, ref)
		}
	}
	if len(fresh) == 0 {
		return
	}
	for c := range l.watching {
		select {
		case c <- fresh:
		default: // a viewer that does not keep up misses some, and sees how many come
		}
	}
}

func (s *Site) livePage(q *request) (*page, error) {
	store, err := s.backend.Store()
	if err != nil {
		return nil, err
	}
	info, err := ask(q, store.Info).must(q)
	if err != nil {
		return nil, err
	}
	q.from, q.to = q.now.Add(-15*time.Minute), q.now.Add(time.Minute)
	search, err := q.search(store)
	if err != nil {
		return nil, err
	}
	search.Limit = livePageRows
	found, err := ask(q, func(ctx context.Context) (query.Page, error) { return store.Logs(ctx, search) }).must(q)
	if err != nil {
		return nil, err
	}
	filters := []string{"org", "api", "status", "path", "key", "q", "trace", "slower", "method", "country"}
	l := &livePageData{Events: q.link("live/events", filters...), Logs: q.link("logs", filters...)}
	longest := longestLatency(found.Records)
	for i := range found.Records {
		l.Rows = append(l.Rows, q.recordRow(&found.Records[i], longest, nil))
	}
	p := &page{template: "live", title: "Live", nav: "Live", fields: q.makeFields(info, "live", true), data: l, refresh: 5}
	p.fields.Button = "Watch"
	p.json = map[string]any{"records": q.recordsJSON(found.Records)}
	return p, nil
}

// liveEvents is the stream of rows, as HTML fragments, so that there is one way to write a row.
func (s *Site) liveEvents(w http.ResponseWriter, r *http.Request) {
	q := s.newRequest(w, r)
	q.form = formJSON
	store, err := s.backend.Store()
	if err != nil {
		q.problem(http.StatusServiceUnavailable, codeOf(err), err.Error())
		return
	}
	search, err := q.search(store)
	if err != nil || len(q.faults) > 0 {
		q.problem(http.StatusBadRequest, "bad_parameter", "a filter could not be read")
		return
	}
	search.From, search.To, search.InBodies = time.Time{}, time.Time{}, false
	c := s.live.watch()
	if c == nil {
		q.problem(http.StatusServiceUnavailable, "busy", fmt.Sprintf("%d people watch already", mostViewers))
		return
	}
	defer s.live.leave(c)
	control := http.NewResponseController(w)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no")
	send := func(text string) bool {
		_ = control.SetWriteDeadline(time.Now().Add(keepAlive))
		if _, err := w.Write([]byte(text)); err != nil {
			return false
		}
		return control.Flush() == nil
	}
	if !send(": watching\n\n") {
		return
	}
	idle := time.NewTicker(keepAlive)
	defer idle.Stop()
	for {
		select {
		case <-r.Context().Done():
			return
		case <-idle.C:
			if !send(": nothing new\n\n") {
				return
			}
		case records, ok := <-c:
			if !ok || !send(q.event(&search, records)) {
				return
			}
		}
	}
}

// event is one batch for one viewer, the newest first.
func (q *request) event(search *query.Search, records []query.Record) string {
	var some []query.Record
	matching := 0
	for i := range records {
		if !search.Matches(&records[i]) {
			continue
		}
		if matching++; len(some) < mostASecond {
			some = append(some, records[i])
		}
	}
	if len(some) == 0 {
		return ": none matched\n\n"
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "event: rows\ndata: %d %d\n", len(some), matching)
	longest := longestLatency(some)
	for i := range some {
		var row bytes.Buffer
		if err := q.site.templates["live"].ExecuteTemplate(&row, "record-row", q.recordRow(&some[i], longest, nil)); err != nil {
			continue
		}
		fmt.Fprintf(&out, "data: %s\n", bytes.ReplaceAll(bytes.TrimSpace(row.Bytes()), []byte("\n"), []byte(" ")))
	}
	out.WriteString("\n")
	return out.String()
}
