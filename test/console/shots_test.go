package console

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/extension/tykconsoleextension"
	"github.com/otelcol-tyk/otelcol-tyk/internal/consoletest"
)

// paths are the pages, by the names of their pictures.
var paths = []struct{ name, path string }{
	{"overview", ""},
	{"apis", "apis"},
	{"keys", "keys"},
	{"endpoints", "endpoints"},
	{"codes", "codes"},
	{"countries", "countries"},
	{"organisations", "organisations"},
	{"logs", "logs?range=24h&status=4xx,5xx"},
	{"live", "live"},
	{"pipeline", "pipeline?pause=1"},
	{"lists", "pipeline/lists"},
	{"second", "pipeline?pause=1&redis=tykredis%2Fsecond"},
	{"dead", "pipeline/dead"},
	{"settings", "settings"},
	{"table", "?table=requests"},
	{"nothing", "logs?range=24h&q=zzz"},
	{"missing", "no/such/page"},
	{"replay", "pipeline/dead/replay"},
	{"drop", "pipeline/dead/drop"},
}

// looks are how each page is looked at.
var looks = []struct {
	name, theme   string
	width, height int64
}{{"1440-light", "light", 1440, 900}, {"1440-dark", "dark", 1440, 900}, {"820", "light", 820, 1100}, {"390", "light", 390, 844}, {"320", "dark", 320, 700}, {"1920", "light", 1920, 1080}}

// errors are what a browser complains of.
type errors struct {
	mu  sync.Mutex
	all []string
}

func (e *errors) add(format string, args ...any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, fmt.Sprintf(format, args...))
}

func (e *errors) take() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := e.all
	e.all = nil
	return all
}

// watch notes errors of scripts and of policies, and requests that leave the console.
func watch(ctx context.Context, url string) *errors {
	e := &errors{}
	chromedp.ListenTarget(ctx, func(event any) {
		switch event := event.(type) {
		case *runtime.EventExceptionThrown:
			e.add("exception: %s", event.ExceptionDetails.Error())
		case *runtime.EventConsoleAPICalled:
			if event.Type == runtime.APITypeError || event.Type == runtime.APITypeAssert {
				e.add("console.%s", event.Type)
			}
		case *log.EventEntryAdded:
			if event.Entry.Level == log.LevelError && !strings.Contains(event.Entry.URL, "/no/such/page") {
				e.add("log: %s %s", event.Entry.Text, event.Entry.URL)
			}
		case *network.EventRequestWillBeSent:
			if !strings.HasPrefix(event.Request.URL, url) && !strings.HasPrefix(event.Request.URL, "data:") {
				e.add("request to %s", event.Request.URL)
			}
		}
	})
	return e
}

// settled waits until no block is missing any more.
func settled() chromedp.Action {
	return until(`document.readyState === "complete" && !document.querySelector("[data-block]")`)
}

func look(theme string, width, height int64) chromedp.Action {
	return chromedp.Tasks{
		chromedp.EmulateViewport(width, height),
		emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}, {Name: "prefers-reduced-motion", Value: "reduce"}}),
	}
}

// artefacts is where pictures are kept.
func artefacts(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("CONSOLE_SCREENSHOTS")
	if dir == "" {
		return t.ArtifactDir()
	}
	require.NoError(t, os.MkdirAll(dir, 0o755))
	return dir
}

// metricsOf are a collector's own metrics.
func metricsOf(t *testing.T) string {
	t.Helper()
	const text = `# TYPE otelcol_process_uptime_seconds_total counter
otelcol_process_uptime_seconds_total 10
# TYPE otelcol_exporter_sent_log_records_total counter
otelcol_exporter_sent_log_records_total{exporter="tyksql"} 9842606
# TYPE otelcol_exporter_tyksql_records_total counter
otelcol_exporter_tyksql_records_total{outcome="stored",table="requests"} 9838606
otelcol_exporter_tyksql_records_total{outcome="already_applied",table="requests"} 4000
# TYPE otelcol_exporter_tyksql_write_duration_seconds histogram
otelcol_exporter_tyksql_write_duration_seconds_bucket{le="0.05"} 9900
otelcol_exporter_tyksql_write_duration_seconds_bucket{le="+Inf"} 10000
otelcol_exporter_tyksql_write_duration_seconds_sum 150
otelcol_exporter_tyksql_write_duration_seconds_count 10000
`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) }))
	t.Cleanup(server.Close)
	return server.URL
}

func acting(c *tykconsoleextension.Config) { c.Actions = true }

func TestEveryPageInEveryLook(t *testing.T) {
	w := consoletest.New(t, consoletest.Settings{Records: 6000, Rollups: true, Redis: true, Second: true, MCP: true})
	url := served(t, w, true, func(c *tykconsoleextension.Config) { c.Actions, c.Metrics = true, metricsOf(t) })
	ctx := browser(t)
	complaints := watch(ctx, url)
	axe := axeSource(t)
	dir := artefacts(t)
	pages := paths
	for _, link := range []struct{ name, from, selector string }{{"api", "apis", ".apis tbody a"}, {"key", "keys", ".list tbody th a"}, {"endpoint", "endpoints", ".list tbody th a"}, {"record", "logs?range=1h", ".records tbody a"}, {"graphql", "apis?q=graph", ".apis tbody a"}, {"mcp", "apis?q=mcp", ".apis tbody a"}} {
		var href string
		require.NoError(t, chromedp.Run(ctx, chromedp.Navigate(url+link.from), settled(), chromedp.Evaluate(`new URL(document.querySelector(`+quote(link.selector)+`).href).pathname + new URL(document.querySelector(`+quote(link.selector)+`).href).search`, &href)))
		pages = append(pages, struct{ name, path string }{link.name, strings.TrimPrefix(href, "/")})
	}
	for _, p := range pages {
		for _, l := range looks {
			name := p.name + " " + l.name
			var wide int64
			var picture []byte
			require.NoError(t, chromedp.Run(ctx, look(l.theme, l.width, l.height), chromedp.Navigate(url+p.path), settled(), chromedp.Evaluate("document.documentElement.scrollWidth - innerWidth", &wide)), name)
			assert.LessOrEqual(t, wide, int64(0), "%s scrolls sideways", name)
			assert.Empty(t, complaints.take(), name)
			if l.width == 1440 || l.width == 390 {
				require.NoError(t, chromedp.Run(ctx, chromedp.CaptureScreenshot(&picture)), name)
				require.NoError(t, os.WriteFile(filepath.Join(dir, p.name+"-"+l.name+".png"), picture, 0o600))
				checkAxe(ctx, t, axe, name)
			}
		}
	}
}

func quote(text string) string { return fmt.Sprintf("%q", text) }

// TestPicturesOfTheDocumentation makes those of docs/console.md, where CONSOLE_PICTURES names a folder for them; it always
// makes them, so that they can be made.
func TestPicturesOfTheDocumentation(t *testing.T) {
	records := 3000
	dir := os.Getenv("CONSOLE_PICTURES")
	if dir != "" {
		records = 30_000
	} else {
		dir = t.TempDir()
	}
	w := consoletest.New(t, consoletest.Settings{Records: records, Rollups: true, Redis: true, Calm: true})
	at := served(t, w, true, acting)
	ctx := browser(t)
	for _, p := range []struct{ name, path, theme, click string }{
		{"overview", "?range=24h", "light", ""}, {"logs", "logs?range=24h&status=4xx,5xx", "dark", ".records tbody tr:nth-child(4) a"}, {"pipeline", "pipeline?pause=1", "light", ""}, {"dead-letters", "pipeline/dead?reason=too_large", "light", ""},
	} {
		actions := chromedp.Tasks{look(p.theme, 1280, 800), chromedp.Navigate(at + p.path), settled()}
		if p.click != "" {
			actions = append(actions, chromedp.Click(p.click), until(`!!document.querySelector("#record")`), settled())
		}
		require.NoError(t, chromedp.Run(ctx, actions, chromedp.ActionFunc(func(ctx context.Context) error {
			picture, err := page.CaptureScreenshot().WithFormat(page.CaptureScreenshotFormatWebp).WithQuality(82).Do(ctx)
			if err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(dir, p.name+".webp"), picture, 0o600)
		})))
	}
}
