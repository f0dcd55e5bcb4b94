package main

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"math/bits"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"

	"github.com/otelcol-tyk/otelcol-tyk/internal/traffic"
)

// marked is traffic in which each record can be told from all others.
func marked() (traffic.Settings, traffic.Serializer) {
	chosen := traffic.DefaultSettings()
	chosen.OmitMCP, chosen.Marker = true, "soak"
	return chosen, traffic.Msgpack
}

// distinctQuery counts rows, and the numbers that they have.
const distinctQuery = "SELECT count(*), count(DISTINCT useragent) FROM " + tableName + " WHERE useragent LIKE '% run/soak/%'"

func checkDistinct(where string, stored, distinct, want int64) error {
	if stored != want || distinct != want {
		return fmt.Errorf("%s has %d rows of %d records, not one each of %d", where, stored, distinct, want)
	}
	return nil
}

// soaked is a PostgreSQL of such traffic.
type soaked struct{ *postgres }

func (soaked) traffic() (traffic.Settings, traffic.Serializer) { return marked() }

// check fails unless each record is there, once.
func (s soaked) check(ctx context.Context, want int64) error {
	conn, err := pgx.Connect(ctx, s.database)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	var rows, distinct int64
	if err := conn.QueryRow(ctx, distinctQuery).Scan(&rows, &distinct); err != nil {
		return err
	}
	return checkDistinct("PostgreSQL", rows, distinct, want)
}

// soakedFile is an SQLite file of such traffic.
type soakedFile struct{ *sqlite }

func (s soakedFile) check(ctx context.Context, want int64) error {
	db, err := s.open(s.file)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	var rows, distinct int64
	if err := db.QueryRowContext(ctx, distinctQuery).Scan(&rows, &distinct); err != nil {
		return err
	}
	return checkDistinct("SQLite", rows, distinct, want)
}

// settled waits until the file has as many rows: a group may be behind another.
func (s soakedFile) settled(ctx context.Context, want int64) error {
	db, err := s.open(s.file)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	return await(ctx, time.Second, 5*time.Minute, "SQLite's last record", func() (bool, error) {
		stored, err := countRows(ctx, db, tableName)
		return stored >= want, err
	})
}

// otlp is a server of OTLP over HTTP that counts such traffic, behind the collector's own exporter.
type otlp struct {
	requests
	server *httptest.Server

	mu      sync.Mutex // guards the fields below
	records int64
	seen    []uint64 // a bit for each number
}

func newOTLP() *otlp {
	o := &otlp{}
	o.server = httptest.NewServer(o)
	return o
}

func (o *otlp) pipeline() pipeline {
	return o.stored("otlp_http", fmt.Sprintf("{endpoint: %q, sending_queue: {enabled: false}, retry_on_failure: {max_elapsed_time: 0}}", o.server.URL))
}

func (*otlp) fresh(context.Context) error { return nil }

// ServeHTTP counts the records of a request.
func (o *otlp) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	numbers, err := numbersOf(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, n := range numbers {
		o.records++
		if missing := int(n/64) + 1 - len(o.seen); missing > 0 {
			o.seen = append(o.seen, make([]uint64, missing)...)
		}
		o.seen[n/64] |= 1 << (n % 64)
	}
	w.Header().Set("Content-Type", "application/x-protobuf") // an empty body is an empty answer
}

// numbersOf reads the numbers of a request's records.
func numbersOf(r *http.Request) ([]uint64, error) {
	var reader io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		unzipped, err := gzip.NewReader(r.Body)
		if err != nil {
			return nil, err
		}
		reader = unzipped
	}
	body, err := io.ReadAll(reader)
	if err != nil {
		return nil, err
	}
	request := plogotlp.NewExportRequest()
	if err := request.UnmarshalProto(body); err != nil {
		return nil, err
	}
	var numbers []uint64
	for _, resource := range request.Logs().ResourceLogs().All() {
		for _, scope := range resource.ScopeLogs().All() {
			for _, log := range scope.LogRecords().All() {
				agent, _ := log.Attributes().Get("user_agent.original")
				_, number, _ := strings.Cut(agent.Str(), " run/soak/")
				n, err := strconv.ParseUint(number, 10, 40)
				if err != nil {
					return nil, fmt.Errorf("the user agent %q has no number: %w", agent.Str(), err)
				}
				numbers = append(numbers, n)
			}
		}
	}
	return numbers, nil
}

func (o *otlp) settled(ctx context.Context, want int64) error {
	return await(ctx, time.Second, 5*time.Minute, "the last record over OTLP", func() (bool, error) {
		o.mu.Lock()
		defer o.mu.Unlock()
		return o.records >= want, nil
	})
}

func (o *otlp) check(_ context.Context, want int64) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	distinct := int64(0)
	for _, word := range o.seen {
		distinct += int64(bits.OnesCount64(word))
	}
	return checkDistinct("the OTLP server", o.records, distinct, want)
}
