package tykconsoleextension

import (
	"compress/gzip"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"path"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/client"
	"go.uber.org/zap"
)

// policy lets pages load what the console itself serves, and nothing else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

const (
	mostBody      = 64 << 10
	mostHeader    = 16 << 10
	mostRequests  = 100             // a second
	mostAtOnce    = 100             // without those that watch what is live
	mostWork      = 2 * time.Minute // which only a machine takes for an answer that has much else to do
	leastToGzip   = 1400
	robotsNothing = "noindex, nofollow"
)

// secureHeaders says to browsers what a page may do.
func secureHeaders(h http.Header) {
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
	h.Set("X-Robots-Tag", robotsNothing)
}

// guard stands before every page.
type guard struct {
	next  http.Handler
	hosts map[string]bool
	log   *zap.Logger
	write time.Duration // how long an answer may take to be sent, 0 for ever

	mu     sync.Mutex
	second int64
	count  int

	atOnce atomic.Int64 // requests that are worked on
}

// ServeHTTP refuses what no browser of a user asks, and catches what fails.
func (g *guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	secureHeaders(w.Header())
	defer func() {
		if p := recover(); p != nil && p != http.ErrAbortHandler { //nolint:errorlint // it is compared as net/http does
			g.log.Error("A request to the console failed", zap.String("path", r.URL.Path), zap.Any("panic", p), zap.ByteString("stack", debug.Stack()))
			w.WriteHeader(http.StatusInternalServerError)
		}
	}()
	switch {
	case !g.knows(r.Host):
		http.Error(w, "421 Misdirected Request: the console is not known by this name; the key hosts takes further ones", http.StatusMisdirectedRequest)
		return
	case !g.admits(time.Now()):
		refuse(w, "too many requests a second")
		return
	case r.Method != http.MethodGet && r.Method != http.MethodHead && r.Method != http.MethodPost:
		w.Header().Set("Allow", "GET, HEAD, POST")
		http.Error(w, "405 Method Not Allowed", http.StatusMethodNotAllowed)
		return
	}
	watches := strings.HasSuffix(r.URL.Path, "/live/events")
	if !watches {
		defer g.atOnce.Add(-1)
		if g.atOnce.Add(1) > mostAtOnce {
			refuse(w, "too many requests at once")
			return
		}
		if g.write > 0 {
			w = newPatientWriter(w, g.write)
		}
	}
	r.Body = http.MaxBytesReader(w, r.Body, mostBody)
	if r.Method == http.MethodGet && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") && !watches && !strings.Contains(r.URL.Path, "/static/") {
		z := &gzipWriter{ResponseWriter: w}
		defer z.close()
		w = z
	}
	g.next.ServeHTTP(w, r)
}

// refuse tells to come again soon.
func refuse(w http.ResponseWriter, why string) {
	w.Header().Set("Retry-After", "1")
	http.Error(w, "503 Service Unavailable: "+why, http.StatusServiceUnavailable)
}

// knows tells whether a request means this console: a page of another site that has its name lead here does not.
func (g *guard) knows(host string) bool {
	if g.hosts == nil {
		return true
	}
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.Trim(strings.ToLower(strings.TrimSuffix(host, ".")), "[]")
	return g.hosts[host]
}

func (g *guard) admits(now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if s := now.Unix(); s != g.second {
		g.second, g.count = s, 0
	}
	g.count++
	return g.count <= mostRequests
}

// knownHosts are the names by which browsers may call the console.
func knownHosts(c *Config) map[string]bool {
	hosts := map[string]bool{"localhost": true, "127.0.0.1": true, "::1": true}
	if host, _, err := net.SplitHostPort(c.Server.NetAddr.Endpoint); err == nil && host != "" {
		hosts[strings.ToLower(host)] = true
	}
	for _, host := range c.Hosts {
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		hosts[strings.Trim(strings.ToLower(host), "[]")] = true
	}
	return hosts
}

// patientWriter bounds how long an answer takes to be sent from its first byte on. The server has that begin with the
// request: whoever waits for longer would get no answer at all.
type patientWriter struct {
	http.ResponseWriter
	bound time.Duration
	begun bool // or the page has said itself how long it takes
}

func newPatientWriter(w http.ResponseWriter, bound time.Duration) *patientWriter {
	p := &patientWriter{ResponseWriter: w, bound: bound}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(mostWork + bound))
	return p
}

// Unwrap is for http.ResponseController.
func (p *patientWriter) Unwrap() http.ResponseWriter { return p.ResponseWriter }

// SetWriteDeadline is for http.ResponseController.
func (p *patientWriter) SetWriteDeadline(deadline time.Time) error {
	p.begun = true
	return http.NewResponseController(p.ResponseWriter).SetWriteDeadline(deadline)
}

// WriteHeader begins to send.
func (p *patientWriter) WriteHeader(status int) {
	p.begin()
	p.ResponseWriter.WriteHeader(status)
}

func (p *patientWriter) Write(b []byte) (int, error) {
	p.begin()
	return p.ResponseWriter.Write(b)
}

func (p *patientWriter) begin() {
	if !p.begun {
		_ = p.SetWriteDeadline(time.Now().Add(p.bound))
	}
}

// gzipWriter compresses pages that are worth it.
type gzipWriter struct {
	http.ResponseWriter
	zip     *gzip.Writer
	decided bool
	status  int
}

// Unwrap is for http.ResponseController.
func (z *gzipWriter) Unwrap() http.ResponseWriter { return z.ResponseWriter }

// WriteHeader waits for the first bytes, which tell whether to compress.
func (z *gzipWriter) WriteHeader(status int) { z.status = status }

func (z *gzipWriter) Write(b []byte) (int, error) {
	if !z.decided {
		z.decide(len(b))
	}
	if z.zip != nil {
		return z.zip.Write(b)
	}
	return z.ResponseWriter.Write(b)
}

var zippers = sync.Pool{New: func() any { return gzip.NewWriter(nil) }}

func (z *gzipWriter) decide(size int) {
	z.decided = true
	h := z.Header()
	if size >= leastToGzip && h.Get("Content-Encoding") == "" {
		h.Set("Content-Encoding", "gzip")
		h.Del("Content-Length")
		z.zip, _ = zippers.Get().(*gzip.Writer)
		z.zip.Reset(z.ResponseWriter)
	}
	if z.status != 0 {
		z.ResponseWriter.WriteHeader(z.status)
	}
}

func (z *gzipWriter) close() {
	switch {
	case z.zip != nil:
		_ = z.zip.Close()
		zippers.Put(z.zip)
	case !z.decided && z.status != 0:
		z.ResponseWriter.WriteHeader(z.status)
	}
}

// unauthorized answers who did not say who he is; with basicauth a browser asks for name and password.
func unauthorized(config *Config) func(w http.ResponseWriter, r *http.Request, _ string, status int) {
	basic := config.Server.Auth.HasValue() && config.Server.Auth.Get().AuthenticatorID.Type().String() == "basicauth"
	return func(w http.ResponseWriter, r *http.Request, _ string, status int) {
		secureHeaders(w.Header())
		if status == http.StatusUnauthorized && basic {
			w.Header().Set("WWW-Authenticate", `Basic realm="otelcol-tyk", charset="UTF-8"`)
		}
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, "<!doctype html><html lang=\"en\"><title>%[1]d · otelcol-tyk</title><h1>%[1]d %[2]s</h1><p>The console asks who you are.</p></html>\n", status, http.StatusText(status))
	}
}

// userOf is the authenticator's name for who asks.
func userOf(r *http.Request) string { return userIn(r.Context()) }

func userIn(ctx context.Context) string {
	auth := client.FromContext(ctx).Auth
	if auth == nil {
		return ""
	}
	for _, name := range []string{"username", "subject"} {
		if user, ok := auth.GetAttribute(name).(string); ok && user != "" {
			return user
		}
	}
	return ""
}

// mayAct tells who may replay, drop and remove.
func (c *Config) mayAct(user string) bool {
	return c.Actions && (len(c.ActionUsers) == 0 || user != "" && slices.Contains(c.ActionUsers, user))
}

// cleaned is a path without empty parts, . and .., as the router wants it.
func cleaned(below string) string {
	clean := path.Clean(below)
	if strings.HasSuffix(below, "/") && clean != "/" {
		clean += "/"
	}
	return clean
}

// strip takes the base path away, and the ending that asks for another form.
func strip(base string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		below, ok := strings.CutPrefix(r.URL.EscapedPath(), strings.TrimSuffix(base, "/"))
		if !ok || below != "" && below[0] != '/' {
			http.NotFound(w, r)
			return
		}
		if below == "" {
			http.Redirect(w, r, base, http.StatusMovedPermanently)
			return
		}
		if clean := cleaned(below); clean != below { // else the router would lead to it without the base path
			to := strings.TrimSuffix(base, "/") + clean
			if r.URL.RawQuery != "" {
				to += "?" + r.URL.RawQuery
			}
			http.Redirect(w, r, to, http.StatusTemporaryRedirect)
			return
		}
		plain, err := url.PathUnescape(below)
		if err != nil {
			http.Error(w, "400 Bad Request: the path cannot be read", http.StatusBadRequest)
			return
		}
		short := r.Clone(r.Context())
		short.URL.Path, short.URL.RawPath = plain, below
		next.ServeHTTP(w, short)
	})
}
