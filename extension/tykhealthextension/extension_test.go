package tykhealthextension

import (
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/pipeline"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/otelcol-tyk/otelcol-tyk/extension/tykhealthextension/internal/metadata"
)

var (
	redis = componentstatus.NewInstanceID(component.MustNewIDWithName("tykredis", "a"), component.KindReceiver, pipeline.NewID(pipeline.SignalLogs))
	store = componentstatus.NewInstanceID(component.MustNewID("tyksql"), component.KindExporter, pipeline.NewID(pipeline.SignalLogs))
)

// started is an extension that listens, and its address.
func started(t *testing.T, change func(*Config)) (*healthExtension, string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())
	config := createDefaultConfig().(*Config)
	config.Server.NetAddr.Endpoint = address
	if change != nil {
		change(config)
	}
	made, err := NewFactory().Create(t.Context(), extensiontest.NewNopSettings(metadata.Type), config)
	require.NoError(t, err)
	require.NoError(t, made.Start(t.Context(), componenttest.NewNopHost()))
	t.Cleanup(func() { assert.NoError(t, made.Shutdown(t.Context())) })
	return made.(*healthExtension), "http://" + address
}

func ask(t *testing.T, method, url string) (int, string, http.Header) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, http.NoBody)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(body), response.Header
}

func TestTheAnswerFollowsTheLifeOfTheCollector(t *testing.T) {
	e, url := started(t, nil)
	status, body, header := ask(t, http.MethodGet, url+"/ready")
	assert.Equal(t, http.StatusServiceUnavailable, status)
	assert.JSONEq(t, `{"status": "not ready", "reason": "starting"}`, body)
	assert.Equal(t, "application/json", header.Get("Content-Type"))
	status, body, _ = ask(t, http.MethodGet, url+"/live")
	assert.Equal(t, http.StatusOK, status)
	assert.JSONEq(t, `{"status": "live"}`, body)

	require.NoError(t, e.Ready())
	status, body, _ = ask(t, http.MethodGet, url+"/ready")
	assert.Equal(t, http.StatusOK, status)
	assert.JSONEq(t, `{"status": "ready"}`, body)

	require.NoError(t, e.NotReady())
	status, body, _ = ask(t, http.MethodGet, url+"/ready")
	assert.Equal(t, http.StatusServiceUnavailable, status)
	assert.JSONEq(t, `{"status": "not ready", "reason": "stopping"}`, body)
}

func TestTroubleThatLastsIsNotReadyAndNamesItsCause(t *testing.T) {
	e, url := started(t, func(c *Config) { c.RecoveryDuration = 0 })
	require.NoError(t, e.Ready())
	e.ComponentStatusChanged(redis, componentstatus.NewRecoverableErrorEvent(errors.New("redis: NOAUTH")))
	status, body, _ := ask(t, http.MethodGet, url+"/ready")
	assert.Equal(t, http.StatusServiceUnavailable, status)
	assert.Regexp(t, `"kind":"receiver","id":"tykredis/a","pipelines":\["logs"\],"status":"RecoverableError","since":"[^"]+","error":"redis: NOAUTH"`, body)
	status, _, _ = ask(t, http.MethodGet, url+"/live")
	assert.Equal(t, http.StatusOK, status, "a new process would not help")

	e.ComponentStatusChanged(redis, componentstatus.NewEvent(componentstatus.StatusOK))
	status, body, _ = ask(t, http.MethodGet, url+"/ready")
	assert.Equal(t, http.StatusOK, status)
	assert.JSONEq(t, `{"status": "ready"}`, body)

	e.ComponentStatusChanged(store, componentstatus.NewPermanentErrorEvent(errors.New("restart me")))
	status, body, _ = ask(t, http.MethodGet, url+"/live")
	assert.Equal(t, http.StatusServiceUnavailable, status)
	assert.Contains(t, body, "restart me")
}

// TestTroubleThatChangesItsWordsLasts holds what made a Redis without its password count as ready: each
// error named another port, and each was taken for new trouble.
func TestTroubleThatChangesItsWordsLasts(t *testing.T) {
	t.Parallel()
	h := newHealth(10*time.Second, zap.NewNop())
	require.NoError(t, h.Ready())
	for range 3 {
		h.ComponentStatusChanged(redis, componentstatus.NewRecoverableErrorEvent(errors.New(time.Now().String())))
		time.Sleep(time.Millisecond)
	}
	began := h.reports[*redis].since
	ready, _ := h.ready(began.Add(10*time.Second - 1))
	assert.True(t, ready)
	ready, _ = h.ready(began.Add(10 * time.Second))
	assert.False(t, ready)

	h.ComponentStatusChanged(redis, componentstatus.NewEvent(componentstatus.StatusOK))
	h.ComponentStatusChanged(redis, componentstatus.NewRecoverableErrorEvent(errors.New("again")))
	ready, _ = h.ready(h.reports[*redis].since)
	assert.True(t, ready, "trouble after a time without is new")
}

func TestAWarningIsToldAndIsNoTrouble(t *testing.T) {
	t.Parallel()
	h := newHealth(0, zap.NewNop())
	require.NoError(t, h.Ready())
	h.ComponentStatusChanged(redis, componentstatus.NewEvent(componentstatus.StatusOK, componentstatus.WithError(errors.New("probably a mistake"))))
	ready, body := h.ready(time.Now())
	assert.True(t, ready)
	require.Len(t, body.(answer).Components, 1)
	assert.Equal(t, "probably a mistake", body.(answer).Components[0].Error)
	assert.Equal(t, "OK", body.(answer).Components[0].Status)
}

func TestTykPumpsAnswer(t *testing.T) {
	e, url := started(t, func(c *Config) { c.PumpPath, c.ReadyPath, c.LivePath = "/any/health", "", "" })
	e.ComponentStatusChanged(store, componentstatus.NewPermanentErrorEvent(errors.New("down")))
	status, body, header := ask(t, http.MethodGet, url+"/any/health")
	assert.Equal(t, http.StatusOK, status)
	assert.Equal(t, `{"status": "ok"}`, body) //nolint:testifylint // to the letter, not as JSON
	assert.Equal(t, "application/json", header.Get("Content-Type"))
	status, _, _ = ask(t, http.MethodPost, url+"/any/health")
	assert.Equal(t, http.StatusMethodNotAllowed, status)
	for _, path := range []string{"", "/", "/any", "/ready", "/any/health/"} {
		status, _, _ = ask(t, http.MethodGet, url+path)
		assert.Equal(t, http.StatusNotFound, status, path)
	}
}

func TestAPortInUseIsSaid(t *testing.T) {
	_, url := started(t, nil)
	config := createDefaultConfig().(*Config)
	config.Server.NetAddr.Endpoint = url[len("http://"):]
	second := newExtension(config, componenttest.NewNopTelemetrySettings())
	require.ErrorContains(t, second.Start(t.Context(), componenttest.NewNopHost()), "start the tykhealth extension: endpoint: ")
	assert.NoError(t, second.Shutdown(t.Context()))
}

func TestTroubleThatNobodyLogsIsLogged(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zap.InfoLevel)
	h := newHealth(time.Second, zap.New(core))
	elastic := componentstatus.NewInstanceID(component.MustNewID("elasticsearch"), component.KindExporter, pipeline.NewID(pipeline.SignalLogs))
	for _, source := range []*componentstatus.InstanceID{elastic, store} {
		h.ComponentStatusChanged(source, componentstatus.NewEvent(componentstatus.StatusOK))
		h.ComponentStatusChanged(source, componentstatus.NewRecoverableErrorEvent(errors.New("connection refused")))
		h.ComponentStatusChanged(source, componentstatus.NewRecoverableErrorEvent(errors.New("timeout")))
		h.ComponentStatusChanged(source, componentstatus.NewEvent(componentstatus.StatusOK))
		h.ComponentStatusChanged(source, componentstatus.NewRecoverableErrorEvent(errors.New("timeout")))
		h.ComponentStatusChanged(source, componentstatus.NewEvent(componentstatus.StatusStopping))
	}
	require.Equal(t, 3, logs.Len(), "tyksql has a log of its own: %v", logs.All())
	assert.Equal(t, "A component is in trouble", logs.All()[0].Message)
	assert.Equal(t, map[string]any{"kind": "exporter", "id": "elasticsearch", "error": "connection refused"}, logs.All()[0].ContextMap())
	assert.Equal(t, "A component works again", logs.All()[1].Message)
}
