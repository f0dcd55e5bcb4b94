//go:build e2e || chaos

package chaos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

const (
	// groupRefusing delivers with a stock exporter to a store that never takes one record in
	// oneIn, and does not say which of a request it is.
	groupRefusing = "refusing"
	oneIn         = 100
)

// refuser stands for a store behind the collector's own OTLP exporter. What it gets twice, it has
// once, by the record's identity.
type refuser struct {
	server *httptest.Server

	writing sync.Mutex // held by who writes, and by block

	mu      sync.Mutex        // guards the fields below
	records map[string]string // aliases by identity
	refused int               // requests
	down    bool              // it takes nothing
	mended  bool              // it takes everything
}

func newRefuser() *refuser {
	r := &refuser{records: map[string]string{}}
	r.server = httptest.NewServer(http.HandlerFunc(r.take))
	return r
}

// turn changes what it does.
func (r *refuser) turn(down, mended bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.down, r.mended = down, mended
}

func (r *refuser) addr() string { return r.server.Listener.Addr().String() }

// take stores all records of a request, or none.
func (r *refuser) take(w http.ResponseWriter, request *http.Request) {
	got, err := readRecords(request.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable) // cut off on its way
		return
	}
	r.writing.Lock()
	defer r.writing.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.down {
		http.Error(w, "down", http.StatusServiceUnavailable)
		return
	}
	for _, alias := range got {
		if refusesAlias(alias) && !r.mended {
			r.refused++
			http.Error(w, "something in it is not as it must be", http.StatusBadRequest)
			return
		}
	}
	for uid, alias := range got {
		r.records[uid] = alias
	}
	w.Header().Set("Content-Type", "application/x-protobuf") // an empty body is an empty answer
}

// readRecords gives the aliases of a request's records by their identities.
func readRecords(body io.Reader) (map[string]string, error) {
	content, err := io.ReadAll(body)
	if err != nil {
		return nil, err
	}
	request := plogotlp.NewExportRequest()
	if err := request.UnmarshalProto(content); err != nil {
		return nil, err
	}
	got := map[string]string{}
	var r analytics.Record
	for _, resource := range request.Logs().ResourceLogs().All() {
		for _, scope := range resource.ScopeLogs().All() {
			for _, lr := range scope.LogRecords().All() {
				uid := r.FromLog(lr)
				got[uid] = strings.Clone(r.Alias)
			}
		}
	}
	return got, nil
}

func refusesAlias(alias string) bool {
	n, err := strconv.Atoi(alias)
	return err == nil && n%oneIn == oneIn/2
}

func (r *refuser) product() string { return "an OTLP store" }

func (r *refuser) exporter(way func(addr string) (string, error)) (destination, error) {
	at, err := way(r.addr())
	return destination{component: "otlp_http", config: object{
		"endpoint": "http://" + at, "compression": "none", "timeout": "5s",
		"sending_queue":    object{"enabled": false},
		"retry_on_failure": object{"initial_interval": "100ms", "max_interval": "1s", "max_elapsed_time": 0},
	}}, err
}

func (*refuser) refuses(poison) bool { return false }

func (*refuser) holds(poison) bool { return true }

func (*refuser) counts(of rollupOf) (rollupOf, bool) { return of, false }

func (r *refuser) tally(context.Context) (*tally, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := newTally()
	for _, alias := range r.records {
		t.add(alias)
	}
	if len(r.records) > oneIn*oneIn && r.refused == 0 {
		return t, errors.New("it has refused nothing")
	}
	return t, nil
}

func (r *refuser) count(context.Context) (int64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return int64(len(r.records)), nil
}

func (r *refuser) block(context.Context) (func(), error) {
	r.writing.Lock()
	return r.writing.Unlock, nil
}

func (r *refuser) explain(_ context.Context, record int) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var uids []string
	for uid, alias := range r.records {
		if alias == strconv.Itoa(record) {
			uids = append(uids, uid)
		}
	}
	return fmt.Sprint("identities ", uids)
}

// refusesRecord is whether a store never takes a good record.
func refusesRecord(s store, n int) bool {
	_, ok := s.(*refuser)
	return ok && refusesAlias(strconv.Itoa(n))
}
