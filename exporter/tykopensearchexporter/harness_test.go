package tykopensearchexporter

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

// server stands for OpenSearch or Elasticsearch: it has one document for each id, in indices that it creates, and
// answers to bulk requests as they do, each item by itself.
type server struct {
	*httptest.Server

	mu       sync.Mutex                      // guards the fields below
	major    int                             // Elasticsearch's version; from 7 on there are no types
	most     int                             // bytes of a request
	create   bool                            // indices are created
	blocked  string                          // an index that nobody may write to
	login    string                          // the only one that may
	busy     int                             // documents that are refused for now
	fault    func(source string) *itemAnswer // of one document
	status   func(body string) int           // of a request
	indices  map[string]map[string]string    // documents by id
	types    map[string]string               // by index
	requests []*http.Request
	bodies   []string
}

func listen(t *testing.T) *server {
	t.Helper()
	s := &server{major: 8, most: 1 << 30, create: true, indices: map[string]map[string]string{}, types: map[string]string{}}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *server) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// ServeHTTP answers one request.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var reader io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		reader, _ = gzip.NewReader(r.Body)
	}
	body, err := io.ReadAll(reader)
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests, s.bodies = append(s.requests, r), append(s.bodies, string(body))
	status, answer := s.answer(r, body)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(answer)
}

// failed is a request of which nothing is done.
func failed(status int, kind, reason string) (int, []byte) {
	text, _ := json.Marshal(map[string]any{"error": map[string]any{"type": kind, "reason": reason}, "status": status})
	return status, text
}

func (s *server) answer(r *http.Request, body []byte) (int, []byte) {
	switch {
	case s.login != "" && r.Header.Get("Authorization") != s.login:
		return failed(http.StatusUnauthorized, "security_exception", "missing authentication credentials for REST request [/_bulk]")
	case r.URL.Path != "/_bulk" || r.Method != http.MethodPost:
		return failed(http.StatusMethodNotAllowed, "method_not_allowed", "Incorrect HTTP method for uri")
	case len(body) > s.most:
		return http.StatusRequestEntityTooLarge, nil
	case !bytes.HasSuffix(body, []byte("\n")):
		return failed(http.StatusBadRequest, "illegal_argument_exception", "The bulk request must be terminated by a newline [\\n]")
	}
	if s.status != nil {
		if status := s.status(string(body)); status != http.StatusOK {
			return failed(status, "a_type", "as a real one")
		}
	}
	actions, fault := s.parse(body)
	if fault != "" {
		return failed(http.StatusBadRequest, "illegal_argument_exception", fault)
	}
	var items []map[string]*itemAnswer
	errors := false
	for _, a := range actions {
		item := s.store(a)
		errors = errors || item.Status >= http.StatusMultipleChoices
		items = append(items, map[string]*itemAnswer{a.op: item})
	}
	text, _ := json.Marshal(map[string]any{"took": 1, "errors": errors, "items": items})
	return http.StatusOK, text
}

// action is what a bulk request asks for, with its document.
type action struct {
	op, source string
	Index      string `json:"_index"`
	Type       string `json:"_type"`
	ID         string `json:"_id"`
}

// parse reads a request as a whole, before anything is stored.
func (s *server) parse(body []byte) (actions []action, fault string) {
	lines := strings.Split(strings.TrimSuffix(string(body), "\n"), "\n")
	for i := 0; i < len(lines); i += 2 {
		var line map[string]json.RawMessage
		if err := json.Unmarshal([]byte(lines[i]), &line); err != nil || len(line) != 1 || i+1 == len(lines) {
			return nil, fmt.Sprintf("Malformed action/metadata line [%d], expected START_OBJECT", i+1)
		}
		for op, content := range line {
			a := action{op: op, source: lines[i+1]}
			_ = json.Unmarshal(content, &a)
			switch {
			case s.major >= 8 && a.Type != "":
				return nil, fmt.Sprintf("Action/metadata line [%d] contains an unknown parameter [_type]", i+1)
			case s.major < 7 && a.Type == "":
				return nil, "Validation Failed: 1: type is missing;"
			}
			actions = append(actions, a)
		}
	}
	return actions, ""
}

func unstored(status int, kind, reason string) *itemAnswer {
	return &itemAnswer{Status: status, Error: itemError{Type: kind, Reason: reason}}
}

// store does what an action asks for.
func (s *server) store(a action) *itemAnswer {
	if s.busy > 0 {
		s.busy--
		return unstored(http.StatusTooManyRequests, "es_rejected_execution_exception", "rejected execution of X$7@"+strconv.Itoa(s.busy)+"af")
	}
	index, ok := s.indices[a.Index]
	switch {
	case !ok && !s.create:
		return unstored(http.StatusNotFound, "index_not_found_exception", "no such index ["+a.Index+"]")
	case s.blocked == a.Index:
		return unstored(http.StatusForbidden, "cluster_block_exception", "index ["+a.Index+"] blocked by: [FORBIDDEN/8/index write (api)];")
	case !ok:
		index = map[string]string{}
		s.indices[a.Index], s.types[a.Index] = index, a.Type
	case s.types[a.Index] != a.Type:
		return unstored(http.StatusBadRequest, "illegal_argument_exception",
			"Rejecting mapping update to ["+a.Index+"] as the final mapping would have more than 1 type: ["+s.types[a.Index]+", "+a.Type+"]")
	}
	if s.fault != nil {
		if fault := s.fault(a.source); fault != nil {
			return fault
		}
	}
	id := a.ID
	if id == "" {
		id = "made-" + strconv.Itoa(len(index))
	}
	if _, there := index[id]; there {
		return unstored(http.StatusConflict, "version_conflict_engine_exception", "["+id+"]: version conflict, document already exists (current version [1])")
	}
	index[id] = a.source
	return &itemAnswer{Status: http.StatusCreated}
}

// stored are the documents of an index, by id.
func (s *server) stored(index string) map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.indices[index])
}

func start(t *testing.T, host component.Host, change func(*Config)) exporter.Logs {
	t.Helper()
	return sinktest.Start(t, NewFactory(), configured(func(c *Config) {
		c.Retry.Enabled = false
		c.Retry.InitialInterval, c.Retry.MaxInterval = time.Millisecond, 10*time.Millisecond
		change(c)
	}), host)
}

func (s *server) to(c *Config) { c.Client.Endpoint = s.URL }

// numbered are records whose paths are their numbers.
func numbered(n int) []analytics.Record {
	records := make([]analytics.Record, n)
	for i := range records {
		records[i] = sinktest.Sample(i)
		records[i].Path = "/" + strconv.Itoa(i)
	}
	return records
}

// refusedOf reads which records an error names, and why.
func refusedOf(t *testing.T, err error) map[int64]string {
	t.Helper()
	var refused *analytics.RefusedError
	require.ErrorAs(t, err, &refused)
	reasons := map[int64]string{}
	for _, r := range refused.Records {
		require.Equal(t, "seg", r.UID.Segment)
		require.Equal(t, "tykopensearch", r.Destination[:len("tykopensearch")])
		reasons[r.UID.Index] = r.Reason
	}
	return reasons
}
