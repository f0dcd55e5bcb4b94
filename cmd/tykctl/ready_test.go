package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestReadySaysWhatTheCollectorSays(t *testing.T) {
	t.Parallel()
	status := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/ready" && r.URL.Path != "/other" {
			http.NotFound(w, r)
			return
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(`{"status":"not ready"}` + "\n")) // the client is this test
	}))
	o := newOperator(t, nil)
	o.env["TYK_HEALTH_ENDPOINT"] = strings.TrimPrefix(server.URL, "http://")
	assert.Equal(t, "ready\n", o.ok("ready"))
	assert.Equal(t, "ready\n", o.ok("ready", "-url", server.URL+"/other"))

	status = http.StatusServiceUnavailable
	a := o.run("ready")
	assert.Equal(t, exitTrouble, a.status)
	assert.Equal(t, "503 Service Unavailable: {\"status\":\"not ready\"}\n", a.stderr)

	server.Close()
	a = o.run("ready")
	assert.Equal(t, exitTrouble, a.status)
	assert.Contains(t, a.stderr, "no collector answers: ")
	a = o.run("ready", "-url", "http://[")
	assert.Equal(t, exitFailed, a.status)
	assert.Contains(t, a.stderr, "write http://localhost:13133/ready")
}
