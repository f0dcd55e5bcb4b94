//go:build e2e

package e2e

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

// webRuns are those into services on the web.
var webRuns = []string{"moesif", "resurface"}

// TestRunsIntoWebServicesSendWhatTykPumpSent compares events and messages, in any order.
func TestRunsIntoWebServicesSendWhatTykPumpSent(t *testing.T) {
	t.Parallel()
	redis, doubles := peers.StartRedis(t), map[string]*double{}
	file := runsTogether(t, webRuns, func(run string, meta object) {
		doubles[run] = startDouble(t, likeWebService)
		if run == "moesif" {
			meta["bulk_config"].(map[string]any)["api_endpoint"] = doubles[run].URL
		} else {
			meta["capture_url"] = doubles[run].URL + "/message"
		}
	})
	c := newPump(t, file, redis, nil)
	golden{encoding: msgpack}.push(t, redis.Client())
	c.start()
	waitDrained(t, redis.Client(), 2*drainTimeout)
	require.Empty(t, deadLetters(t, redis.Client()))
	c.stop()

	var want []string
	for text := range strings.Lines(string(reference(t, "exporter", "tykmoesifexporter", "testdata", "golden", "moesif.jsonl.gz"))) {
		want = append(want, plainEvent(t, []byte(text), false))
	}
	var got []string
	for _, r := range doubles["moesif"].requests() {
		assert.Equal(t, "app", r.header.Get("X-Moesif-Application-Id"))
		for _, event := range elements(t, r.body, "") {
			got = append(got, plainEvent(t, event, true))
		}
	}
	assert.ElementsMatch(t, want, got)

	left := map[string]int{}
	sent := 0
	for _, r := range doubles["resurface"].requests() {
		for line := range strings.Lines(string(r.body)) {
			left[plainMessage(t, line, true)]++
			sent++
		}
	}
	for text := range strings.Lines(string(reference(t, "exporter", "tykresurfaceexporter", "testdata", "golden", "resurface.jsonl.gz"))) {
		message := plainMessage(t, text, false)
		if assert.Positive(t, left[message], message) {
			left[message]--
		}
	}
	assert.Equal(t, 525, sent, "of which Tyk Pump sends 143, and drops what was not recorded in detail, or has a path that is no URL")
}

// likeWebService answers as the three do.
func likeWebService(w http.ResponseWriter, r received) {
	switch r.path {
	case "/v1/config":
		_, _ = w.Write([]byte(`{"sample_rate":100}`)) // to whom it may concern
	case "/v1/events/batch":
		w.WriteHeader(http.StatusCreated)
	case "/message":
		w.WriteHeader(http.StatusNoContent)
	case "/v1/batch":
		_, _ = w.Write([]byte(`{"success":true}`)) // as above
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// elements are those of a list, which is the body or below a key of it.
func elements(tb testing.TB, body []byte, key string) []json.RawMessage {
	tb.Helper()
	if key != "" {
		var object map[string]json.RawMessage
		require.NoError(tb, json.Unmarshal(body, &object))
		body = object[key]
	}
	var list []json.RawMessage
	require.NoError(tb, json.Unmarshal(body, &list))
	return list
}

// plainEvent is an event of Moesif's with JSON in the place of its bodies, and without what Tyk Pump has not: the
// identity, and lists without elements that are null here.
func plainEvent(tb testing.TB, text []byte, ours bool) string {
	tb.Helper()
	var event map[string]any
	require.NoError(tb, json.Unmarshal(text, &event))
	for _, side := range []string{"request", "response"} {
		message := event[side].(map[string]any)
		body, ok := message["body"].(string)
		if !ok {
			continue
		}
		content, err := base64.StdEncoding.DecodeString(body)
		require.NoError(tb, err)
		var value any
		if json.Unmarshal(content, &value) == nil {
			message["body"] = value
		}
	}
	of := event["metadata"].(map[string]any)["tyk"].(map[string]any)
	if tags, isList := of["tags"].([]any); isList && len(tags) == 0 {
		of["tags"] = nil
	}
	if ours {
		assert.NotEmpty(tb, of["uid"])
		delete(of, "uid")
	}
	plain, err := json.Marshal(event)
	require.NoError(tb, err)
	return string(plain)
}

var (
	// hostless is a URL whose path begins with two slashes, up to the next one, which Tyk Pump takes for a host.
	hostless = regexp.MustCompile(`^(http://[^/]*)//[^/]*`)
	// twice is a parameter that Tyk Pump makes of a query that it appends to itself.
	twice = regexp.MustCompile(`^request_param:y=.*\?x=1$`)
)

// plainMessage is a message of Resurface's in order, without what is known to differ.
func plainMessage(tb testing.TB, text string, ours bool) string {
	tb.Helper()
	var message [][2]string
	require.NoError(tb, json.Unmarshal([]byte(text), &message))
	var all []string
	for _, p := range message {
		name, value := p[0], p[1]
		switch {
		case name == "host", name == "custom_field:tyk-uid", !ours && twice.MatchString(name+"="+value):
			continue
		case ours && name == "now":
			ms, err := strconv.ParseInt(value, 10, 64)
			require.NoError(tb, err)
			value = strconv.FormatInt(ms/1000*1000, 10)
		case ours && name == "interval" && value == "0":
			value = "1"
		case ours && strings.HasPrefix(name, "custom_field:"):
			value = strings.ToLower(value)
		case ours && name == "request_url":
			value, _, _ = strings.Cut(hostless.ReplaceAllString(value, "$1"), "#")
		}
		all = append(all, name+"="+value)
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}

// TestTheExamplesOfWebServicesSendEachRecord reads what comes of examples.
func TestTheExamplesOfWebServicesSendEachRecord(t *testing.T) {
	t.Parallel()
	for name, identities := range map[string]func(r received) []string{
		"moesif": func(r received) (all []string) {
			for _, text := range elements(t, r.body, "") {
				var event struct {
					Metadata struct{ Tyk struct{ UID string } }
				}
				require.NoError(t, json.Unmarshal(text, &event))
				all = append(all, event.Metadata.Tyk.UID)
			}
			return all
		},
		"resurface": func(r received) (all []string) {
			for line := range strings.Lines(string(r.body)) {
				var message [][2]string
				require.NoError(t, json.Unmarshal([]byte(line), &message))
				at := slices.IndexFunc(message, func(p [2]string) bool { return p[0] == "custom_field:tyk-uid" })
				all = append(all, message[at][1])
			}
			return all
		},
		"segment": func(r received) (all []string) {
			for _, text := range elements(t, r.body, "batch") {
				var event struct {
					MessageID  string `json:"messageId"`
					Properties struct{ Method string }
				}
				require.NoError(t, json.Unmarshal(text, &event))
				all = append(all, event.MessageID)
			}
			return all
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			redis, service := peers.StartRedis(t), startDouble(t, likeWebService)
			c := newExample(t, []string{name + ".yaml"}, object{"receivers": object{"tykredis": object{"poll_interval": "20ms"}}},
				"TYK_REDIS_ADDRESS="+redis.Addr(), "MOESIF_URL="+service.URL, "RESURFACE_URL="+service.URL+"/message", "SEGMENT_URL="+service.URL+"/v1/batch")
			if name == "resurface" { // whose double has no certificate
				c.args = append(c.args, "--set=exporters::tykresurface::rules=include debug")
			}
			golden{encoding: msgpack}.push(t, redis.Client())
			c.start()
			waitDrained(t, redis.Client(), 2*drainTimeout)
			require.Empty(t, deadLetters(t, redis.Client()))
			c.stop()
			seen := map[string]bool{}
			for _, r := range service.requests() {
				for _, uid := range identities(r) {
					seen[uid] = true
				}
			}
			delete(seen, "")
			assert.Len(t, seen, goldenRecords)
		})
	}
}
