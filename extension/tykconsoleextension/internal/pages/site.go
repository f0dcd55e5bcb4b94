package pages

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/otelcol-tyk/otelcol-tyk/internal/console/query"
	"github.com/otelcol-tyk/otelcol-tyk/internal/console/view"
)

//go:embed templates
var templateFiles embed.FS

// Options are what all pages have in common.
type Options struct {
	// Base is the path of all pages, with a slash at its end.
	Base string
	// Host is shown beside the name, empty for nothing.
	Host string
	Zone *time.Location
	// Keys and Bodies say how much is shown of keys and of recorded bodies.
	Keys, Bodies string
	// TraceURL leads to a trace.
	TraceURL string
	// Actions says whether anybody may act, MayAct whether a user may.
	Actions bool
	MayAct  func(user string) bool
	// User names who asks, empty where nobody had to say.
	User   func(*http.Request) string
	Assets Assets
	Log    *zap.Logger
	// Now is the time; nil for the clock's.
	Now func() time.Time
	// Secret makes the tokens of forms.
	Secret []byte
}

// Assets are the URLs of what pages load.
type Assets struct{ Style, Script, Live, Icon string }

// Backend is what pages show.
type Backend interface {
	// Store is what is read of SQL. The error is a [NoStoreError], or [ErrStarting].
	Store() (query.Store, error)
	// Redises are where lists are, one for each place that receivers read; none where the configuration has no receiver of them.
	Redises() []Redis
	// Measure has the process' own counts read, unless they were a moment ago.
	Measure(ctx context.Context)
	// Process is this process.
	Process() Process
}

// ErrStarting is what a backend says before the pipelines are known.
var ErrStarting = errors.New("pipelines are not up yet")

// NoStoreError says why there is no store to read.
type NoStoreError struct {
	// Exporters are those of the configuration.
	Exporters []string
	// Mongo is set where records go to MongoDB, which the console does not read.
	Mongo bool
}

// Error says what is missing.
func (e *NoStoreError) Error() string { return "no tyksql exporter is in use" }

// Site serves all pages.
type Site struct {
	Options
	backend   Backend
	templates map[string]*template.Template
	mux       *http.ServeMux
	watches   *watches
	live      *live
	kept      kept
	tasks     *tasks
}

// NewSite reads the templates.
func NewSite(options Options, backend Backend) (*Site, error) {
	if options.Now == nil {
		options.Now = time.Now
	}
	s := &Site{Options: options, backend: backend, templates: map[string]*template.Template{}, tasks: newTasks()}
	common, err := template.ParseFS(templateFiles, "templates/frame.html", "templates/blocks.html", "templates/records.html")
	if err != nil {
		return nil, fmt.Errorf("read the console's templates: %w", err)
	}
	files, err := templateFiles.ReadDir("templates")
	if err != nil {
		return nil, fmt.Errorf("read the console's templates: %w", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(file.Name(), ".html")
		own, err := common.Clone()
		if err == nil {
			own, err = own.ParseFS(templateFiles, path.Join("templates", file.Name()))
		}
		if err != nil {
			return nil, fmt.Errorf("read the console's template %s: %w", name, err)
		}
		s.templates[name] = own
	}
	s.watches = &watches{site: s}
	s.live = newLive(s)
	s.routes()
	return s, nil
}

// Close ends what goes on in the background, all at once, and waits for it.
func (s *Site) Close() {
	var ends sync.WaitGroup
	ends.Go(s.tasks.close)
	ends.Go(s.live.close)
	ends.Wait()
}

// ServeHTTP answers below Base, of which the path is already rid.
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for _, form := range []string{formJSON, formCSV} {
		plain, ok := strings.CutSuffix(r.URL.Path, "."+form)
		if !ok {
			continue
		}
		r = r.Clone(context.WithValue(r.Context(), formKey{}, form))
		r.URL.Path, r.URL.RawPath = plain, strings.TrimSuffix(r.URL.RawPath, "."+form)
		break
	}
	s.mux.ServeHTTP(w, r)
}

func (s *Site) routes() {
	s.mux = http.NewServeMux()
	for pattern, answer := range map[string]func(*request) (*page, error){
		"GET /{$}":  s.overview,
		"GET /apis": s.list, "GET /keys": s.list, "GET /endpoints": s.list, "GET /codes": s.list, "GET /countries": s.list, "GET /organisations": s.list,
		"GET /apis/{org}/{api}": s.oneAPI, "GET /keys/{ref}": s.oneKey, "GET /endpoint": s.oneEndpoint,
		"GET /logs": s.logs, "GET /logs/{org}/{api}/{record}": s.record,
		"GET /live":     s.livePage,
		"GET /pipeline": s.pipeline, "GET /pipeline/lists": s.pipelineLists,
		"GET /pipeline/dead": s.dead, "GET /pipeline/dead/{group}/{uid}": s.letter,
		"GET /pipeline/dead/replay": s.confirmDead, "GET /pipeline/dead/drop": s.confirmDead, "GET /pipeline/groups/{group}/remove": s.confirmGroup,
		"POST /pipeline/dead/replay": s.actDead, "POST /pipeline/dead/drop": s.actDead, "POST /pipeline/groups/{group}/remove": s.actGroup,
		"POST /keys/find": s.findKey,
		"GET /settings":   s.settings,
		"GET /":           s.notFound,
	} {
		s.mux.Handle(pattern, s.handler(answer))
	}
	s.mux.HandleFunc("GET /live/events", s.liveEvents)
}

// request is one that is under way.
type request struct {
	*http.Request
	*params
	site  *Site
	w     http.ResponseWriter
	form  string // html, json or csv
	block string
	asked time.Time
	// wait is how long blocks are waited for.
	wait time.Duration
	// late is set where a block was not waited for, or failed: such a page is not kept for long.
	late atomic.Bool
}

// page is an answer: a template with its data, and the same as JSON.
type page struct {
	template string
	title    string
	nav      string
	status   int
	refresh  int
	// frame is what the top of the page shows beside the navigation.
	bar    *bar
	fields *fields
	strips []Strip
	data   any
	json   any
	csv    func(w http.ResponseWriter) error
	// fragments are the blocks that the page has, by name.
	fragments map[string]*block
	redirect  string
}

const (
	formHTML = "html"
	formJSON = "json"
	formCSV  = "csv"
	// patience is how long a page waits for its slowest block.
	patience = 250 * time.Millisecond
	mostWait = 30 * time.Second
)

func (s *Site) handler(answer func(*request) (*page, error)) http.Handler {
	made := func(w http.ResponseWriter, r *http.Request) (whole bool) {
		q := s.newRequest(w, r)
		p, err := answer(q)
		if err != nil {
			p = s.failed(q, err)
		}
		if p == nil {
			return false // the page wrote its answer itself
		}
		if len(q.faults) > 0 && q.form != formHTML {
			q.problem(http.StatusBadRequest, "bad_parameter", strings.Join(sortedFaults(q.faults), "; "))
			return false
		}
		q.write(p)
		return !q.late.Load()
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch key, ok := s.keyOf(r); {
		case ok:
			s.kept.serve(w, r, key, func(w http.ResponseWriter) bool { return made(w, r) })
		default:
			made(w, r)
			if r.Method == http.MethodPost {
				s.kept.forget()
			}
		}
	})
}

// keyOf tells pages apart that may be shown to whoever asks next: by address, form, who asks, and what his browser chose.
func (s *Site) keyOf(r *http.Request) (string, bool) {
	if r.Method != http.MethodGet || wanted(r) == formCSV || strings.HasPrefix(r.URL.Path, "/live") {
		return "", false
	}
	user := ""
	if s.User != nil {
		user = s.User(r)
	}
	var chosen []string
	for _, c := range r.Cookies() {
		if c.Name == themeCookie || c.Name == keysCookie {
			chosen = append(chosen, c.Name, c.Value)
		}
	}
	return fmt.Sprintf("%s %q %q %q", wanted(r), user, chosen, r.URL.RequestURI()), true
}

func (s *Site) newRequest(w http.ResponseWriter, r *http.Request) *request {
	now := s.Now()
	q := &request{Request: r, site: s, w: w, form: wanted(r), asked: now, wait: patience}
	span := defaultSpan
	if strings.HasPrefix(r.URL.Path, "/logs") {
		span = "1h"
	}
	q.params = readParams(r.URL.Query(), now, span)
	if q.block = q.one("block"); q.values.Get("table") != "" {
		q.block = "" // a table is a page, which needs all that it is made of
	}
	if text := q.one("wait"); text != "" {
		if d, err := time.ParseDuration(text); err != nil || d < 0 || d > mostWait {
			q.fault("wait", "%q is no time to wait: use one up to 30s", short(text))
		} else {
			q.wait = d
		}
	}
	if q.block != "" || q.form != formHTML {
		q.wait = mostWait
	}
	return q
}

// formKey is where the router leaves the form that a path's ending asks for.
type formKey struct{}

// wanted is the form that a request asks for, by its path's ending or by what it accepts.
func wanted(r *http.Request) string {
	if form, ok := r.Context().Value(formKey{}).(string); ok {
		return form
	}
	accept := r.Header.Get("Accept")
	if strings.Contains(accept, "application/json") && !strings.Contains(accept, "text/html") {
		return formJSON
	}
	return formHTML
}

func (q *request) write(p *page) {
	if p.redirect != "" {
		http.Redirect(q.w, q.Request, p.redirect, http.StatusSeeOther)
		return
	}
	status := p.status
	if status == 0 {
		status = http.StatusOK
	}
	header := q.w.Header()
	header.Set("Cache-Control", "no-store")
	switch {
	case q.form == formCSV && p.csv != nil:
		header.Set("Content-Type", "text/csv; charset=utf-8")
		header.Set("Content-Disposition", `attachment; filename="`+fileName(p.title)+`.csv"`)
		if err := p.csv(q.w); err != nil {
			q.site.Log.Debug("A table was not written to its end", zap.Error(err))
		}
	case q.form == formCSV:
		q.problem(http.StatusNotFound, "no_table", "this page has no table: use its JSON")
	case q.form == formJSON:
		q.writeJSON(status, p.json)
	case q.block != "" && p.fragments[q.block] != nil:
		q.writeTemplate(status, p, "block-"+q.block, p.fragments[q.block])
	default:
		q.writeTemplate(status, p, "page", q.frame(p))
	}
}

func (q *request) writeTemplate(status int, p *page, name string, data any) {
	var out bytes.Buffer
	templates := q.site.templates[p.template]
	if templates == nil {
		templates = q.site.templates["message"]
	}
	if err := templates.ExecuteTemplate(&out, name, data); err != nil {
		q.site.Log.Error("A page of the console could not be made", zap.String("page", p.template), zap.Error(err))
		http.Error(q.w, "the page could not be made; the collector's log says why", http.StatusInternalServerError)
		return
	}
	q.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	q.w.Header().Set("Vary", "Accept, Cookie, Accept-Encoding")
	q.w.WriteHeader(status)
	if _, err := q.w.Write(out.Bytes()); err != nil {
		q.site.Log.Debug("Whoever asked the console did not wait for the answer", zap.Error(err))
	}
}

func (q *request) writeJSON(status int, value any) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetIndent("", "  ")
	if err := e.Encode(value); err != nil {
		q.site.Log.Error("A page of the console could not be made", zap.String("path", q.URL.Path), zap.Error(err))
		http.Error(q.w, "the page could not be made; the collector's log says why", http.StatusInternalServerError)
		return
	}
	q.w.Header().Set("Content-Type", "application/json")
	q.w.WriteHeader(status)
	_, _ = q.w.Write(view.VisibleJSON(out.Bytes()))
}

// problem answers as RFC 9457 says.
func (q *request) problem(status int, code, detail string) {
	q.w.Header().Set("Content-Type", "application/problem+json")
	q.w.Header().Set("Cache-Control", "no-store")
	q.w.WriteHeader(status)
	var out bytes.Buffer
	_ = json.NewEncoder(&out).Encode(map[string]any{"title": http.StatusText(status), "status": status, "code": code, "detail": detail}) // texts and a number
	_, _ = q.w.Write(view.VisibleJSON(out.Bytes()))
}

func fileName(title string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(view.Visible(title)))
}
