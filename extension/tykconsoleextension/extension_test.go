package tykconsoleextension

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/client"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configauth"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/pipeline"

	"github.com/otelcol-tyk/otelcol-tyk/extension/tykconsoleextension/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/internal/consoletest"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

// host has an authenticator.
type host struct {
	extensions map[component.ID]component.Component
}

func (h host) GetExtensions() map[component.ID]component.Component { return h.extensions }

// password lets one user in, as basicauth does.
type password struct {
	component.StartFunc
	component.ShutdownFunc
}

type user struct{ name string }

func (u user) GetAttribute(name string) any {
	if name == "username" {
		return u.name
	}
	return nil
}
func (u user) GetAttributeNames() []string { return []string{"username"} }

func (password) Authenticate(ctx context.Context, sources map[string][]string) (context.Context, error) {
	r := http.Request{Header: http.Header{}}
	for name, values := range sources {
		if strings.EqualFold(name, "authorization") {
			r.Header["Authorization"] = values
		}
	}
	name, secret, ok := r.BasicAuth()
	if !ok || secret != "secret" {
		return ctx, fmt.Errorf("not authenticated")
	}
	info := client.FromContext(ctx)
	info.Auth = user{name}
	return client.NewContext(ctx, info), nil
}

func serving(t *testing.T, w *consoletest.World, change func(*Config), h component.Host) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())
	config := createDefaultConfig().(*Config)
	config.Server.NetAddr.Endpoint = address
	if w != nil {
		config.Store.Datasource = configopaque.String(w.Datasource)
	}
	if change != nil {
		change(config)
	}
	require.NoError(t, confmap.Validate(config))
	made, err := NewFactory().Create(t.Context(), extensiontest.NewNopSettings(metadata.Type), config)
	require.NoError(t, err)
	e := made.(*consoleExtension)
	if h == nil {
		h = componenttest.NewNopHost()
	}
	require.NoError(t, e.Start(t.Context(), h))
	t.Cleanup(func() { require.NoError(t, e.Shutdown(context.Background())) })
	if w != nil {
		require.NoError(t, e.NotifyConfig(t.Context(), w.Configuration(true)))
	}
	e.ComponentStatusChanged(componentstatus.NewInstanceID(component.MustNewID("tyksql"), component.KindExporter, pipeline.NewID(pipeline.SignalLogs)), componentstatus.NewEvent(componentstatus.StatusOK))
	require.NoError(t, e.Ready())
	return "http://" + address
}

// reply is an answer without its body.
type reply struct {
	StatusCode int
	Header     http.Header
}

func fetch(t *testing.T, method, address string, change func(*http.Request)) (reply, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, http.NoBody)
	require.NoError(t, err)
	if change != nil {
		change(r)
	}
	c := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, Timeout: sinktest.Long}
	response, err := c.Do(r)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return reply{response.StatusCode, response.Header}, string(body)
}

func TestPagesOfARealStoreAndARealRedis(t *testing.T) {
	w := consoletest.New(t, consoletest.Settings{Records: 1500, Rollups: true, Redis: true, MCP: true})
	at := serving(t, w, func(c *Config) { c.Actions = true }, nil)

	var overview struct {
		Totals struct {
			Requests int64 `json:"requests"`
		} `json:"totals"`
		APIs []struct {
			API string `json:"api"`
		} `json:"apis"`
		Failed map[string]string `json:"failed"`
	}
	_, body := fetch(t, http.MethodGet, at+"/.json?range=9d", nil)
	require.NoError(t, json.Unmarshal([]byte(body), &overview))
	assert.Equal(t, int64(w.Records), overview.Totals.Requests)
	assert.Empty(t, overview.Failed)
	assert.NotEmpty(t, overview.APIs)

	// What would run if it were taken for markup shows as text, and no form of an answer has a secret.
	var logs struct {
		Records []struct {
			Ref string `json:"ref"`
		} `json:"records"`
	}
	_, body = fetch(t, http.MethodGet, at+"/logs.json?range=1h&api=hostile", nil)
	require.NoError(t, json.Unmarshal([]byte(body), &logs))
	require.Len(t, logs.Records, 1)
	record := "/logs/" + logs.Records[0].Ref
	for _, path := range []string{"/", "/apis", "/keys", "/endpoints", "/logs?range=1h", record, record + ".json", "/logs.csv?range=1h", "/apis/acme/hostile", "/apis/acme/hostile-graph?wait=30s", "/apis/acme/hostile-mcp?wait=30s", "/apis/acme/hostile-graph.json", "/live", "/pipeline", "/pipeline/dead", "/pipeline/dead.json", "/settings", "/settings.json"} {
		response, body := fetch(t, http.MethodGet, at+path, nil)
		assert.Equal(t, http.StatusOK, response.StatusCode, path)
		for _, bad := range []string{"<script>alert", "<img src=x", consoletest.Secret, consoletest.Key, "\u202e", "\x00", w.Datasource + "?", "[REDACTED]"} {
			if strings.HasSuffix(path, ".json") || strings.Contains(path, ".csv") {
				if strings.HasPrefix(bad, "<") {
					continue // it is no markup there
				}
			}
			assert.NotContains(t, body, bad, path)
		}
	}
	_, body = fetch(t, http.MethodGet, at+record, nil)
	for _, want := range []string{"&lt;script&gt;alert", "hidden by the console", "12990", `\u202e`} {
		assert.Contains(t, body, want)
	}
	for path, want := range map[string]string{"/apis/acme/hostile-graph?wait=30s": "GraphQL types", "/apis/acme/hostile-mcp?wait=30s": "MCP names"} {
		_, body = fetch(t, http.MethodGet, at+path, nil)
		assert.Contains(t, body, want)
		assert.Contains(t, body, "&lt;script&gt;alert")
	}
	_, body = fetch(t, http.MethodGet, at+"/pipeline", nil)
	assert.Contains(t, body, "adds up")
	replayed(t, w, at)
}

// replayed replays the refused letters once the destination is mended, until their records are stored.
func replayed(t *testing.T, w *consoletest.World, at string) {
	t.Helper()
	_, form := fetch(t, http.MethodGet, at+"/pipeline/dead/replay?reason=too_large", nil)
	require.Contains(t, form, "Replay 3 letters")
	token := regexp.MustCompile(`name="token" value="([0-9a-f]+)"`).FindStringSubmatch(form)
	require.Len(t, token, 2)
	w.Mended.Store(true)
	values := url.Values{"token": {token[1]}, "reason": {"too_large"}, "matched": {"3"}}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, at+"/pipeline/dead/replay", strings.NewReader(values.Encode()))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	assert.Contains(t, string(body), "Replayed 3 of 3 letters")
	outcome := strings.TrimPrefix(response.Request.URL.String(), at)
	require.Eventually(t, func() bool {
		_, body := fetch(t, http.MethodGet, at+outcome, nil)
		return strings.Contains(body, "3 are stored, 0 came back.")
	}, sinktest.Long, 100*time.Millisecond, outcome)
	require.Eventually(t, func() bool {
		_, rows := fetch(t, http.MethodGet, at+"/logs.json?range=1h&path=/refused/*", nil)
		return strings.Count(rows, `"path": "/refused/`) == 3
	}, sinktest.Long, 100*time.Millisecond)
}

func TestLiveShowsWhatArrives(t *testing.T) {
	w := consoletest.New(t, consoletest.Settings{Records: 100, Rollups: true, Redis: true})
	at := serving(t, w, nil, nil)
	ctx, cancel := context.WithTimeout(t.Context(), sinktest.Long)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at+"/live/events", http.NoBody)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer response.Body.Close()
	assert.Equal(t, "text/event-stream", response.Header.Get("Content-Type"))
	go func() {
		for ctx.Err() == nil {
			w.Push(t, "/now", time.Now())
			time.Sleep(200 * time.Millisecond)
		}
	}()
	var seen strings.Builder
	buffer := make([]byte, 4096)
	for !strings.Contains(seen.String(), "/now") {
		n, err := response.Body.Read(buffer)
		require.NoError(t, err)
		seen.Write(buffer[:n])
	}
	assert.Contains(t, seen.String(), "event: rows")
	assert.NotContains(t, seen.String(), consoletest.Key)
}

func TestRequestsThatBrowsersOfUsersDoNotMake(t *testing.T) {
	at := serving(t, nil, nil, nil)
	response, body := fetch(t, http.MethodGet, at+"/", nil)
	assert.Equal(t, http.StatusServiceUnavailable, response.StatusCode, "it is starting")
	assert.Contains(t, body, "Starting")
	for name, want := range map[string]string{
		"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin", "Cache-Control": "no-store",
	} {
		assert.Equal(t, want, response.Header.Get(name), name)
	}
	assert.Empty(t, response.Header.Get("Access-Control-Allow-Origin"))
	for _, inline := range []string{"style=", "onclick", "<style", "javascript:"} {
		assert.NotContains(t, body, inline)
	}
	for _, host := range []string{"evil.example", "evil.example:9900", "169.254.169.254", "localhost.evil.example"} {
		response, _ := fetch(t, http.MethodGet, at+"/", func(r *http.Request) { r.Host = host })
		assert.Equal(t, http.StatusMisdirectedRequest, response.StatusCode, host)
	}
	for _, host := range []string{"localhost:1", "127.0.0.1", "[::1]:9900", "LOCALHOST."} {
		response, _ := fetch(t, http.MethodGet, at+"/", func(r *http.Request) { r.Host = host })
		assert.NotEqual(t, http.StatusMisdirectedRequest, response.StatusCode, host)
	}
	for _, method := range []string{http.MethodPut, http.MethodDelete, http.MethodOptions, http.MethodTrace, "PROPFIND"} {
		response, _ := fetch(t, method, at+"/", nil)
		assert.Equal(t, http.StatusMethodNotAllowed, response.StatusCode, method)
	}
	for _, path := range []string{"/static/x/../../etc/passwd", "/static/x/%2e%2e%2f%2e%2e%2fconfig.go", "/static/x/static.go", "/%2e%2e/%2e%2e/etc/passwd", "/static/", "/..%2f..%2fetc%2fpasswd"} {
		response, body := fetch(t, http.MethodGet, at+path, nil)
		assert.Contains(t, []int{http.StatusNotFound, http.StatusMovedPermanently, http.StatusTemporaryRedirect, http.StatusPermanentRedirect, http.StatusBadRequest}, response.StatusCode, path)
		assert.NotContains(t, body, "root:", path)
	}
}

func TestFirstViewIsSmall(t *testing.T) {
	w := consoletest.New(t, consoletest.Settings{Records: 1500, Rollups: true})
	at := serving(t, w, nil, nil)
	zipped := func(r *http.Request) { r.Header.Set("Accept-Encoding", "gzip") }
	response, body := fetch(t, http.MethodGet, at+"/?wait=30s", zipped)
	require.Equal(t, "gzip", response.Header.Get("Content-Encoding"))
	size := len(body)
	z, err := gzip.NewReader(strings.NewReader(body))
	require.NoError(t, err)
	plain, err := io.ReadAll(z)
	require.NoError(t, err)
	assets := regexp.MustCompile(`(?:href|src)="(/static/[^"]+)"`).FindAllSubmatch(plain, -1)
	require.Len(t, assets, 3)
	for _, asset := range assets {
		response, body := fetch(t, http.MethodGet, at+string(asset[1]), zipped)
		assert.Equal(t, http.StatusOK, response.StatusCode)
		assert.Contains(t, response.Header.Get("Cache-Control"), "immutable")
		size += len(body)
	}
	const most = 100_000
	assert.Less(t, size, most)
	t.Logf("The first view takes %d bytes", size)
}

func TestBrowsersAreAskedForAPassword(t *testing.T) {
	w := consoletest.New(t, consoletest.Settings{Records: 10, Rollups: true})
	id := component.MustNewID("basicauth")
	at := serving(t, w, func(c *Config) {
		c.Server.Auth = configoptional.Some(confighttp.AuthConfig{Config: configauth.Config{AuthenticatorID: id}})
		c.Actions, c.ActionUsers = true, []string{"ops"}
	}, host{map[component.ID]component.Component{id: password{}}})
	for _, path := range []string{"/", "/static/x/console.css", "/live/events", "/logs.json", "/pipeline"} {
		response, _ := fetch(t, http.MethodGet, at+path, nil)
		assert.Equal(t, http.StatusUnauthorized, response.StatusCode, path)
		assert.Equal(t, `Basic realm="otelcol-tyk", charset="UTF-8"`, response.Header.Get("WWW-Authenticate"), path)
		assert.Equal(t, policy, response.Header.Get("Content-Security-Policy"), path)
	}
	response, body := fetch(t, http.MethodGet, at+"/", func(r *http.Request) { r.SetBasicAuth("eve", "secret") })
	assert.Equal(t, http.StatusOK, response.StatusCode)
	assert.Contains(t, body, "Overview")
	assert.False(t, (&Config{Actions: true, ActionUsers: []string{"ops"}}).mayAct("eve"))
	assert.True(t, (&Config{Actions: true, ActionUsers: []string{"ops"}}).mayAct("ops"))
	assert.False(t, (&Config{Actions: true, ActionUsers: []string{"ops"}}).mayAct(""))
}

func TestBelowAPathOfAProxy(t *testing.T) {
	at := serving(t, nil, func(c *Config) { c.BasePath, c.BehindProxy = "/console", true }, nil)
	response, _ := fetch(t, http.MethodGet, at+"/console", nil)
	assert.Equal(t, "/console/", response.Header.Get("Location"))
	_, body := fetch(t, http.MethodGet, at+"/console/pipeline", nil)
	assert.Contains(t, body, `href="/console/pipeline"`)
	assert.NotContains(t, body, `href="/pipeline`)
	for _, path := range []string{"/pipeline", "/consolepipeline", "/console../pipeline", "/"} {
		response, _ = fetch(t, http.MethodGet, at+path, nil)
		assert.Equal(t, http.StatusNotFound, response.StatusCode, path)
	}
	// No redirection leads out of the base path, or to another host.
	for path, want := range map[string]string{
		"//pipeline?x=1": "/console/pipeline?x=1", "/./pipeline": "/console/pipeline", "/a/../../pipeline": "/console/pipeline", "///evil.example": "/console/evil.example", "/apis/": "", "/%2e%2e/pipeline": "",
	} {
		response, _ = fetch(t, http.MethodGet, at+"/console"+path, nil)
		assert.Equal(t, want, response.Header.Get("Location"), path)
	}
	root := serving(t, nil, nil, nil)
	response, _ = fetch(t, http.MethodGet, root+"//evil.example/x", nil)
	assert.Equal(t, "/evil.example/x", response.Header.Get("Location"))
}

func TestAPortInUseIsSaid(t *testing.T) {
	at := serving(t, nil, nil, nil)
	config := createDefaultConfig().(*Config)
	config.Server.NetAddr.Endpoint = strings.TrimPrefix(at, "http://")
	second := newExtension(config, extensiontest.NewNopSettings(metadata.Type))
	require.ErrorContains(t, second.Start(t.Context(), componenttest.NewNopHost()), "start the tykconsole extension: endpoint:")
	assert.NoError(t, second.Shutdown(t.Context()))
}
