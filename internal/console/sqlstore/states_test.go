package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/confmap"
	"pgregory.net/rapid"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/console/query"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rollup"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

// code is the kind of an error.
func code(t *testing.T, err error) query.Code {
	t.Helper()
	known, ok := errors.AsType[*query.Error](err)
	require.True(t, ok, "%v", err)
	return known.Code
}

// A store that cannot be reached is said without its password, is not asked again at once, and is found when it comes.
func TestAStoreThatIsAway(t *testing.T) {
	t.Parallel()
	const password = "s3cr3t-of-all"
	for driver, datasource := range map[string]string{
		postgresDriver: "postgres://tyk:" + password + "@127.0.0.1:1/tyk?connect_timeout=5", mysqlDriver: "tyk:" + password + "@tcp(127.0.0.1:1)/tyk",
		sqliteDriver: filepath.Join(t.TempDir(), "none", "tyk.db"),
	} {
		s := database{driver, datasource}.open(t, contents{}, time.Now(), nil)
		_, err := s.Info(t.Context())
		require.ErrorIs(t, err, query.ErrAway, driver)
		assert.NotContains(t, err.Error(), password)
		asked := s.Stats().Statements
		_, err = s.Logs(t.Context(), query.Search{})
		require.ErrorIs(t, err, query.ErrAway, driver)
		assert.Equal(t, asked, s.Stats().Statements)
	}
}

func TestAStoreThatComesBack(t *testing.T) {
	t.Parallel()
	d := database{sqliteDriver, filepath.Join(t.TempDir(), "tyk.db")}
	now := sinktest.Time.Add(time.Hour)
	c := contents{records: many(10)}
	s := d.open(t, c, now, nil)
	_, err := s.Info(t.Context())
	require.ErrorIs(t, err, query.ErrAway)
	d.fill(t, c)
	_, err = s.Info(t.Context())
	require.ErrorIs(t, err, query.ErrAway, "it is too early")
	s.now = func() time.Time { return now.Add(2 * time.Second) }
	info, err := s.Info(t.Context())
	require.NoError(t, err)
	assert.True(t, info.Records)
	assert.False(t, info.Empty())
}

// What was found out before a store went away, and holds for longer, is not shown as if it were still there.
func TestAStoreThatGoesAway(t *testing.T) {
	t.Parallel()
	server := peers.StartPostgres(t)
	d := database{postgresDriver, server.FreshDatabase(t)}
	c := contents{records: many(10), rollups: true}
	d.fill(t, c)
	now := sinktest.Time.Add(48 * time.Hour)
	s := d.open(t, c, now, nil)
	r := query.Range{From: sinktest.Time.Truncate(24 * time.Hour), To: sinktest.Time.Truncate(24 * time.Hour).Add(24 * time.Hour), Width: time.Hour, Source: query.FromRollups}
	ask := func() error {
		_, err := s.Info(t.Context())
		if err != nil {
			return err
		}
		traffic, err := s.Traffic(t.Context(), query.Scope{Range: r})
		if err == nil {
			assert.EqualValues(t, 10, traffic.Totals.Requests)
		}
		return err
	}
	require.NoError(t, ask())
	server.Kill()
	require.Eventually(t, func() bool {
		return errors.Is(ask(), query.ErrAway)
	}, sinktest.Long, 100*time.Millisecond, "the figures of the day are cached for ten minutes")
	_, err := s.Traffic(t.Context(), query.Scope{Range: r})
	require.ErrorIs(t, err, query.ErrAway)
	require.NoError(t, server.Start(t.Context()))
	now = now.Add(time.Hour)
	s.now = func() time.Time { return now }
	require.Eventually(t, func() bool {
		now = now.Add(time.Minute)
		return ask() == nil
	}, sinktest.Long, 100*time.Millisecond)
}

// A password stays hidden where the server refuses it.
func TestAWrongPasswordIsNotShown(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d database) {
		if d.driver == sqliteDriver {
			return // which has none
		}
		const password = "wr0ng-and-l0ng"
		datasource := strings.Replace(d.datasource, "root@", "nobody:"+password+"@", 1)
		if d.driver == postgresDriver {
			parsed, err := url.Parse(d.datasource)
			require.NoError(t, err)
			parsed.User = url.UserPassword("nobody", password)
			datasource = parsed.String()
		}
		s := database{d.driver, datasource}.open(t, contents{}, time.Now(), nil)
		_, err := s.Info(t.Context())
		require.ErrorIs(t, err, query.ErrAway)
		assert.NotContains(t, err.Error(), password)
	})
}

// The tables are missing; what there is of them is empty.
func TestNothingIsThere(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d database) {
		if d.driver == sqliteDriver {
			require.NoError(t, os.WriteFile(d.datasource, nil, 0o600))
		}
		s := d.open(t, contents{}, time.Now(), nil)
		info, err := s.Info(t.Context())
		require.NoError(t, err)
		assert.False(t, info.Records)
		_, err = s.Logs(t.Context(), query.Search{})
		assert.Equal(t, query.Missing, code(t, err))
		d.fill(t, contents{rollups: true})
		empty := d.open(t, contents{rollups: true}, time.Now(), nil)
		info, err = empty.Info(t.Context())
		require.NoError(t, err)
		assert.True(t, info.Empty())
		page, err := empty.Logs(t.Context(), query.Search{})
		require.NoError(t, err)
		assert.Empty(t, page.Records)
		assert.Nil(t, page.Next)
		r, err := empty.Resolve(t.Context(), time.Now().Add(-24*time.Hour), time.Now(), query.Filter{})
		require.NoError(t, err)
		traffic, err := empty.Traffic(t.Context(), query.Scope{Range: r})
		require.NoError(t, err)
		assert.Zero(t, traffic.Totals)
	})
}

// Nobody changes anything, and what takes too long ends.
func TestStatementsOnlyReadAndEnd(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d database) {
		d.fill(t, contents{records: many(10)})
		s := d.open(t, contents{}, time.Now(), func(c *Config) { c.StatementTimeout = 300 * time.Millisecond })
		for _, change := range []string{"delete from tyk_analytics", "drop table tyk_analytics", "update tyk_analytics set alias = 'x'", "create table x (y integer)"} {
			err := s.read(t.Context(), func(q *session) error {
				return q.rows(t.Context(), newStatement(change), func(*sql.Rows) error { return nil })
			})
			require.Error(t, err, change)
		}
		endless := map[string]string{
			postgresDriver: "select pg_sleep(60)", mysqlDriver: "select count(*) from information_schema.columns a, information_schema.columns b, information_schema.columns c",
			sqliteDriver: "with recursive n(i) as (select 1 union all select i + 1 from n) select max(i) from n",
		}[d.driver]
		err := s.read(t.Context(), func(q *session) error {
			return q.rows(t.Context(), newStatement(endless), func(*sql.Rows) error { return nil })
		})
		assert.Equal(t, query.Timeout, code(t, err))
		// The connection, or another one, is of use, though a busy machine may not answer in so short a time.
		require.Eventually(t, func() bool {
			info, err := s.Info(t.Context())
			return err == nil && info.Records
		}, sinktest.Long, 10*time.Millisecond)
	})
}

func TestTooManyQuestionsAreRefused(t *testing.T) {
	t.Parallel()
	d := databases[sqliteDriver](t)
	d.fill(t, contents{records: many(10)})
	s := d.open(t, contents{}, time.Now(), func(c *Config) { c.MaxQueries, c.StatementTimeout = 1, 100*time.Millisecond })
	s.places <- struct{}{}
	_, err := s.Info(t.Context())
	require.ErrorIs(t, err, query.ErrBusy, "nobody made place for it in time")
	for range queueLength {
		s.waiting <- struct{}{}
	}
	_, err = s.Info(t.Context())
	require.ErrorIs(t, err, query.ErrBusy)
	assert.EqualValues(t, 2, s.Stats().Refused)
	<-s.places
	s.config.StatementTimeout = time.Minute
	_, err = s.Info(t.Context())
	require.NoError(t, err)
}

// A big table without an index is not read, and the statements that make one are told.
func TestABigTableWithoutAnIndexIsNotRead(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d database) {
		c := contents{records: many(50), plain: true}
		d.fill(t, c)
		s := d.open(t, c, sinktest.Time.Add(time.Hour), nil)
		s.smallTable = 0
		_, err := s.Logs(t.Context(), query.Search{Filter: query.Filter{APIs: []string{"api-1"}}})
		require.Equal(t, query.Unindexed, code(t, err))
		known, _ := errors.AsType[*query.Error](err)
		require.Len(t, known.Statements, 2)
		storage, err := s.Storage(t.Context())
		require.NoError(t, err)
		assert.Len(t, storage.Missing, 3)
		require.NotEmpty(t, storage.Tables)
		var made []string
		for _, m := range storage.Missing {
			made = append(made, m.Statement)
		}
		for _, statement := range made {
			d.exec(t, statement)
		}
		again := d.open(t, c, sinktest.Time.Add(time.Hour), nil)
		again.smallTable = 0
		page, err := again.Logs(t.Context(), query.Search{Filter: query.Filter{APIs: []string{"api-1"}}})
		require.NoError(t, err)
		assert.Len(t, page.Records, 10)
	})
}

// exec changes the database.
func (d database) exec(t *testing.T, statement string) {
	t.Helper()
	db, err := sql.Open(map[string]string{postgresDriver: "pgx", mysqlDriver: "mysql", sqliteDriver: "sqlite"}[d.driver], d.datasource)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	_, err = db.ExecContext(t.Context(), statement)
	require.NoError(t, err, statement)
}

func TestTheRecordsOfTooManyOrganisationsAreNotReadTogether(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d database) {
		records := many(200)
		for i := range records {
			records[i].OrgID = fmt.Sprintf("org-%02d", i%40)
		}
		c := contents{records: records}
		d.fill(t, c)
		s := d.open(t, c, sinktest.Time.Add(time.Hour), nil)
		s.smallTable = 0
		info, err := s.Info(t.Context())
		require.NoError(t, err)
		assert.True(t, info.TooManyOrganisations)
		_, err = s.Logs(t.Context(), query.Search{})
		assert.Equal(t, query.ChooseOrganisation, code(t, err))
		page, err := s.Logs(t.Context(), query.Search{Filter: query.Filter{Orgs: []string{"org-07"}}})
		require.NoError(t, err)
		assert.Len(t, page.Records, 5)
	})
}

// Whatever time is asked for, the answer has few buckets, and no statement reads more than it may.
func TestHugeTimesAreBounded(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d database) {
		c := contents{records: many(300), rollups: true}
		d.fill(t, c)
		now := sinktest.Time.Add(time.Hour)
		s := d.open(t, c, now, nil)
		for _, from := range []time.Time{{}, time.Unix(0, 0), now.AddDate(-200, 0, 0), now.Add(-time.Second), now, now.Add(time.Hour), time.Unix(0, math.MinInt64)} {
			for _, to := range []time.Time{now, now.AddDate(300, 0, 0), {}, time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), from} {
				r, err := s.Resolve(t.Context(), from, to, query.Filter{})
				require.NoError(t, err)
				assert.LessOrEqual(t, len(r.Buckets()), mostBuckets+2, "%s to %s", from, to)
				for _, filter := range []query.Filter{{}, {APIs: []string{"api-1"}}} {
					_, err = s.Traffic(t.Context(), query.Scope{Range: r, Filter: filter})
					require.NoError(t, err)
					_, err = s.List(t.Context(), query.Scope{Range: r, Filter: filter}, query.ListOptions{By: query.ByKey, Limit: 5, Percentiles: true})
					require.NoError(t, err)
				}
			}
		}
		_, err := s.Course(t.Context(), query.Search{From: now.AddDate(-100, 0, 0), To: now}, time.Second)
		require.Error(t, err)
	})
}

// What a list gives for few values is what the list of all has.
func TestShortListsAreTheBeginningOfLongOnes(t *testing.T) {
	t.Parallel()
	c := contents{records: many(900), rollups: true, minutes: 15}
	onEach(t, func(t *testing.T, d database) {
		d.fill(t, c)
		s := d.open(t, c, sinktest.Time.Add(time.Hour), nil)
		r, err := s.Resolve(t.Context(), sinktest.Time.Add(-6*time.Hour), sinktest.Time.Add(time.Hour), query.Filter{})
		require.NoError(t, err)
		require.Equal(t, query.FromRollups, r.Source)
		for _, by := range []query.Dimension{query.ByAPI, query.ByKey, query.ByEndpoint, query.ByCountry, query.ByVersion, query.ByTag} {
			for _, sort := range []string{"", "errors"} {
				all, err := s.List(t.Context(), query.Scope{Range: r}, query.ListOptions{By: by, Sort: sort, Percentiles: true})
				require.NoError(t, err)
				few, err := s.List(t.Context(), query.Scope{Range: r}, query.ListOptions{By: by, Sort: sort, Percentiles: true, Limit: 3})
				require.NoError(t, err)
				assert.Equal(t, all.Items[:min(3, len(all.Items))], few.Items, by)
				assert.Equal(t, all.Values, few.Values)
			}
		}
		for sort, of := range map[string]func(*query.Item) float64{
			"p95": func(i *query.Item) float64 { return i.Latency.P95 }, "mean": func(i *query.Item) float64 { return float64(i.LatencySum) / float64(i.Requests) },
			"last_seen": func(i *query.Item) float64 { return float64(i.LastSeen.UnixMicro()) },
		} {
			list, err := s.List(t.Context(), query.Scope{Range: r}, query.ListOptions{By: query.ByKey, Sort: sort})
			require.NoError(t, err)
			for i := 1; i < len(list.Items); i++ {
				assert.GreaterOrEqual(t, of(&list.Items[i-1]), of(&list.Items[i]), sort)
			}
		}
		checkFilters(t, s, r, c.records)
	})
}

// checkFilters compares figures of one value with the records.
func checkFilters(t *testing.T, s *Store, r query.Range, records []analytics.Record) {
	t.Helper()
	for name, f := range map[string]struct {
		filter query.Filter
		keep   func(*analytics.Record) bool
	}{
		"organisation": {query.Filter{Orgs: []string{"org-1"}}, func(r *analytics.Record) bool { return r.OrgID == "org-1" }},
		"API":          {query.Filter{APIs: []string{"api-2"}}, func(r *analytics.Record) bool { return r.APIID == "api-2" }},
		"key":          {query.Filter{Keys: []string{"key-2"}, Orgs: []string{"org-0", "org-2"}}, func(r *analytics.Record) bool { return r.APIKey == "key-2" && r.OrgID != "org-1" }},
		"endpoint":     {query.Filter{APIs: []string{"api-2"}, Paths: []string{"/items/1"}}, func(r *analytics.Record) bool { return r.APIID == "api-2" && r.Path == "/items/1" }},
		"code":         {query.Filter{Status: []query.StatusRange{{First: 500, Last: 500}}}, func(r *analytics.Record) bool { return r.ResponseCode == 500 }},
		"API and key":  {query.Filter{APIs: []string{"api-2"}, Keys: []string{"key-2"}}, func(r *analytics.Record) bool { return r.APIID == "api-2" && r.APIKey == "key-2" }},
		"method":       {query.Filter{Methods: []string{"GET"}}, func(*analytics.Record) bool { return true }},
	} {
		scope := query.Scope{Range: r, Filter: f.filter}
		traffic, err := s.Traffic(t.Context(), scope)
		require.NoError(t, err)
		assert.Equal(t, counted(records, f.keep), traffic.Totals, name)
		latency, err := s.Latency(t.Context(), scope)
		require.NoError(t, err)
		if latency.Answer.Exactness != query.Absent {
			assert.Equal(t, traffic.Totals.Requests, latency.Totals.Requests, name)
		}
		for _, by := range []query.Dimension{query.ByEndpoint, query.ByKey, query.ByMethod} {
			list, err := s.List(t.Context(), scope, query.ListOptions{By: by})
			require.NoError(t, err)
			assert.Equal(t, traffic.Totals.Requests, list.Totals.Requests, "%s by %s", name, by)
		}
	}
}

func TestWidthsOfBuckets(t *testing.T) {
	t.Parallel()
	for stretch, want := range map[time.Duration][2]time.Duration{
		15 * time.Minute: {time.Minute, 15 * time.Minute}, time.Hour: {time.Minute, 15 * time.Minute}, 24 * time.Hour: {15 * time.Minute, 15 * time.Minute},
		7 * 24 * time.Hour: {time.Hour, time.Hour}, 90 * 24 * time.Hour: {24 * time.Hour, 24 * time.Hour}, 5 * 365 * 24 * time.Hour: {14 * 24 * time.Hour, 14 * 24 * time.Hour},
	} {
		assert.Equal(t, want[0], widthFor(stretch, 0), stretch)
		assert.Equal(t, want[1], widthFor(stretch, 15*time.Minute), stretch)
	}
	assert.Equal(t, 15*time.Minute, widthOf(map[int64]bool{900: true, 1800: true, 7200: true}))
	assert.Equal(t, time.Hour, widthOf(map[int64]bool{3600: true}))
	assert.Zero(t, widthOf(nil))
}

// Percentiles from bins are those of the sketch that has them.
func TestPercentilesAreTheSketchs(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		sketch, of := rollup.NewSketch(), bins{}
		for _, ms := range rapid.SliceOfN(rapid.Int64Range(-5, 1_000_000), 1, 200).Draw(t, "latencies") {
			sketch.Add(ms)
			of[rollup.Bin(ms)]++
		}
		got := of.percentiles()
		for q, have := range map[float64]float64{0.5: got.P50, 0.95: got.P95, 0.99: got.P99} {
			want, err := sketch.Quantile(q)
			require.NoError(t, err)
			assert.InDelta(t, want, have, 1e-9)
		}
	})
}

func TestEqualQuestionsAreAskedOnce(t *testing.T) {
	t.Parallel()
	c := newCache()
	started, release, asked := make(chan struct{}), make(chan struct{}), 0
	load := func(ctx context.Context) (answered[int], error) {
		asked++
		close(started)
		select {
		case <-release:
			return answered[int]{7, 8, time.Minute}, nil
		case <-ctx.Done():
			return answered[int]{}, ctx.Err()
		}
	}
	first, leave := context.WithCancel(t.Context())
	results := make(chan error, 2)
	go func() { _, err := cached(first, c, "key", load); results <- err }()
	<-started
	go func() {
		n, err := cached(t.Context(), c, "key", load)
		if n != 7 {
			err = fmt.Errorf("got %d: %w", n, err)
		}
		results <- err
	}()
	require.Eventually(t, func() bool { hits, _ := c.stats(); return hits == 1 }, sinktest.Long, time.Millisecond)
	leave() // who asked first does not end what others wait for
	require.ErrorIs(t, <-results, context.Canceled)
	close(release)
	require.NoError(t, <-results)
	n, err := cached(t.Context(), c, "key", load)
	require.NoError(t, err)
	assert.Equal(t, []int{7, 1}, []int{n, asked})
}

func TestAQuestionThatNobodyWaitsForEnds(t *testing.T) {
	t.Parallel()
	c := newCache()
	ctx, leave := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		_, _ = cached(ctx, c, "key", func(ctx context.Context) (answered[int], error) {
			leave()
			<-ctx.Done()
			close(ended)
			return answered[int]{}, ctx.Err()
		})
	}()
	select {
	case <-ended:
	case <-time.After(sinktest.Long):
		t.Fatal("it goes on")
	}
}

func TestTheCacheIsBounded(t *testing.T) {
	t.Parallel()
	c := newCache()
	for i := range 100 {
		_, err := cached(t.Context(), c, strconv.Itoa(i), func(context.Context) (answered[int], error) {
			return answered[int]{i, maxCacheBytes / 10, time.Hour}, nil
		})
		require.NoError(t, err)
		_, bytes := c.stats()
		require.LessOrEqual(t, bytes, int64(maxCacheBytes))
	}
}

// What is over is not kept, even where nobody asks again.
func TestWhatIsOverLeavesTheCache(t *testing.T) {
	t.Parallel()
	c := newCache()
	_, err := cached(t.Context(), c, "key", func(context.Context) (answered[int], error) {
		return answered[int]{1, 1000, 10 * time.Millisecond}, nil
	})
	require.NoError(t, err)
	assert.Eventually(t, func() bool {
		_, bytes := c.stats()
		return bytes == 0
	}, sinktest.Long, 5*time.Millisecond)
}

func TestTheExportersSettingsAreRead(t *testing.T) {
	t.Parallel()
	config, err := FromExporter(confmap.NewFromStringMap(map[string]any{
		"driver": "postgres", "datasource": "host=db password=x", "timezone": "Europe/Berlin", "table_sharding": true, "sending_queue": map[string]any{"enabled": true},
		"tables": map[string]any{"requests": map[string]any{"name": "records"}, "aggregated": map[string]any{"enabled": true}, "latency": map[string]any{"enabled": false}},
	}))
	require.NoError(t, err)
	assert.Equal(t, Tables{Requests: "records", Aggregated: "tyk_aggregated"}, config.Tables)
	assert.Equal(t, configopaque.String("host=db password=x"), config.Datasource)
	assert.Equal(t, "Europe/Berlin", config.Zone.String())
	assert.True(t, config.Sharded)
	config, err = FromExporter(confmap.New())
	require.NoError(t, err)
	assert.Equal(t, []any{"sqlite", "tyk_analytics", ""}, []any{config.Driver, config.Tables.Requests, config.Tables.Latency})
	_, err = FromExporter(confmap.NewFromStringMap(map[string]any{"timezone": "nowhere"}))
	require.ErrorContains(t, err, "timezone")
	for _, wrong := range []Config{
		{Driver: "oracle", Datasource: "x", Limits: DefaultLimits()},
		{Driver: "sqlite", Limits: DefaultLimits()},
		{Driver: "sqlite", Datasource: "x"},
		{Driver: "sqlite", Datasource: "x", Limits: DefaultLimits(), Tables: Tables{Requests: `x"; drop table y; --`}},
	} {
		_, err := Open(wrong)
		require.Error(t, err)
	}
}

func TestQuestionsEndWithTheStore(t *testing.T) {
	t.Parallel()
	c := newCache()
	asked, ended, result := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	load := func(ctx context.Context) (answered[int], error) {
		close(asked)
		<-ctx.Done()
		defer close(ended)
		return answered[int]{}, ctx.Err()
	}
	go func() { _, err := cached(t.Context(), c, "key", load); result <- err }()
	<-asked
	c.close()
	select {
	case <-ended:
	default:
		require.Fail(t, "it is still asked")
	}
	require.ErrorIs(t, <-result, context.Canceled)
	_, err := cached(t.Context(), c, "key", load)
	require.ErrorIs(t, err, context.Canceled)
}
