package sqlstore

import (
	"context"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/console/query"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

// asking are records of a real gateway that say what GraphQL and MCP were asked for.
func asking(t *testing.T) []analytics.Record {
	t.Helper()
	return slices.DeleteFunc(sinktest.GoldenRecords(t), func(r analytics.Record) bool {
		return !r.MCP.IsMCP && !r.GraphQL.IsGraphQL || r.OrgID == "" || r.TimeStamp.Year() < 2020
	})
}

// askedFor are the values of a dimension that a record has.
func askedFor(r *analytics.Record, by query.Dimension) []string {
	g, m := &r.GraphQL, &r.MCP
	var all []string
	switch {
	case g.IsGraphQL && by == query.ByOperation:
		return []string{g.OperationType.Name()}
	case g.IsGraphQL && by == query.ByRootField:
		return g.RootFields
	case g.IsGraphQL && (by == query.ByType || by == query.ByField):
		for name, fields := range g.Types {
			if by == query.ByType {
				all = append(all, name)
				continue
			}
			for _, field := range fields {
				all = append(all, name+"_"+field)
			}
		}
		return all
	case m.IsMCP && by == query.ByRPCMethod && m.JSONRPCMethod != "":
		return []string{m.JSONRPCMethod}
	case m.IsMCP && by == query.ByPrimitive && m.PrimitiveType != "":
		return []string{m.PrimitiveType}
	case m.IsMCP && by == query.ByName && m.PrimitiveName != "":
		return []string{m.PrimitiveType + "_" + m.PrimitiveName}
	}
	return nil
}

// What GraphQL and MCP were asked for is counted the same by rollups, by records, and by hand.
func TestWhatGraphQLAndMCPWereAskedFor(t *testing.T) {
	t.Parallel()
	records := asking(t)
	require.NotEmpty(t, records)
	from, to := bounds(records)
	for name, c := range map[string]contents{"rollups": {records: records, rollups: true}, "records": {records: records, mcp: true}, "no indexes": {records: records, mcp: true, plain: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onEach(t, func(t *testing.T, d database) {
				d.fill(t, c)
				s := d.open(t, c, to.Add(time.Hour), nil)
				scope := query.Scope{Range: query.Range{From: from, To: to, Width: 24 * time.Hour, Source: query.FromRecords}}
				if c.rollups {
					scope.Source = query.FromRollups
				}
				families, err := s.Families(t.Context(), scope)
				require.NoError(t, err)
				assert.Equal(t, []string{"graph", "mcp"}, families)
				for _, by := range []query.Dimension{query.ByType, query.ByField, query.ByOperation, query.ByRootField, query.ByRPCMethod, query.ByPrimitive, query.ByName} {
					checkAsked(t, s, scope, by, records)
				}
				for i := range records {
					one := scope
					one.APIs = []string{records[i].APIID}
					checkAsked(t, s, one, query.ByType, slices.DeleteFunc(slices.Clone(records), func(r analytics.Record) bool { return r.APIID != records[i].APIID }))
				}
				if c.rollups {
					checkByHand(t, s)
				}
			})
		})
	}
}

func checkAsked(t *testing.T, s *Store, scope query.Scope, by query.Dimension, records []analytics.Record) {
	t.Helper()
	list, err := s.List(t.Context(), scope, query.ListOptions{By: by, Limit: 100, Courses: true, Percentiles: true})
	require.NoError(t, err)
	assert.Equal(t, query.Exact, list.Answer.Exactness, by)
	assert.Equal(t, scope.Source, list.Answer.Source, by)
	want := map[string]query.Counts{}
	for i := range records {
		r := &records[i]
		for _, value := range askedFor(r, by) {
			c := counted([]analytics.Record{*r}, nil)
			if r.GraphQL.IsGraphQL && r.GraphQL.HasErrors && r.ResponseCode < 400 {
				c.Success, c.Other, c.GraphErrors = 0, 0, 1
			}
			sum := want[r.OrgID+"|"+value]
			sum.Add(c)
			want[r.OrgID+"|"+value] = sum
		}
	}
	got := map[string]query.Counts{}
	for _, item := range list.Items {
		got[item.Org+"|"+item.Value] = item.Counts
	}
	assert.Equal(t, want, got, by)
	if by != query.ByType || len(scope.APIs) == 0 {
		assert.NotEmpty(t, got, by)
	}
}

// checkByHand compares with plain SQL.
func checkByHand(t *testing.T, s *Store) {
	t.Helper()
	rows, err := s.db.QueryContext(context.Background(), "select dimension_value, sum(counter_hits) from tyk_mcp_aggregated where dimension = 'methods' group by dimension_value")
	require.NoError(t, err)
	defer rows.Close()
	list, err := s.List(t.Context(), query.Scope{Range: query.Range{From: time.Unix(0, 0), To: s.now(), Width: 24 * time.Hour, Source: query.FromRollups}}, query.ListOptions{By: query.ByRPCMethod})
	require.NoError(t, err)
	sums := map[string]int64{}
	for _, item := range list.Items {
		sums[item.Value] += item.Requests
	}
	seen := 0
	for rows.Next() {
		var value string
		var hits int64
		require.NoError(t, rows.Scan(&value, number{&hits}))
		assert.Equal(t, hits, sums[value], value)
		seen++
	}
	require.NoError(t, rows.Err())
	assert.Len(t, sums, seen)
}

// Where nothing counts or stores MCP requests, that is said; a big table is read as far as rows are allowed.
func TestWhatWasAskedForIsBounded(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d database) {
		var records []analytics.Record
		for i := range 3000 {
			r := sinktest.Sample(i)
			r.TimeStamp = sinktest.Time.Add(time.Duration(i) * time.Second)
			r.OrgID, r.APIID, r.MCP, r.GraphQL = "org", "graph", analytics.MCPStats{}, analytics.GraphQLStats{IsGraphQL: true, Types: map[string][]string{"T": {"f" + strconv.Itoa(i%3)}}}
			r.ResponseCode = 200
			records = append(records, r)
		}
		c := contents{records: records}
		d.fill(t, c)
		end := records[len(records)-1].TimeStamp.Add(time.Second)
		s := d.open(t, c, end, func(config *Config) { config.ScanRows = 1000 })
		scope := query.Scope{Range: query.Range{From: sinktest.Time, To: end, Width: time.Hour, Source: query.FromRecords}, Filter: query.Filter{APIs: []string{"graph"}}}
		list, err := s.List(t.Context(), scope, query.ListOptions{By: query.ByField})
		require.NoError(t, err)
		assert.Equal(t, query.Limited, list.Answer.Exactness)
		assert.Contains(t, list.Answer.Reason, "graph_aggregated")
		assert.Equal(t, int64(1000), list.Totals.Requests)
		_, err = s.List(t.Context(), scope, query.ListOptions{By: query.ByRPCMethod})
		require.Equal(t, query.Missing, code(t, err))
		families, err := s.Families(t.Context(), scope)
		require.NoError(t, err)
		assert.Equal(t, []string{"graph"}, families)
	})
}

// What is recorded is that of the newest records, by API.
func TestWhatIsRecorded(t *testing.T) {
	t.Parallel()
	records := golden(t)
	_, to := bounds(records)
	for name, c := range map[string]contents{"many": {records: records}, "days": {records: records, sharded: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onEach(t, func(t *testing.T, d database) {
				d.fill(t, c)
				s := d.open(t, c, to.Add(time.Hour), nil)
				got, err := s.Recorded(t.Context())
				require.NoError(t, err)
				want := map[string]query.RecordedAPI{}
				for i := range records {
					r := &records[i]
					if r.ResponseCode == -1 {
						continue
					}
					a := want[r.OrgID+"|"+r.APIID]
					a.Records++
					count := func(to *int64, has bool) {
						if has {
							*to++
						}
					}
					count(&a.Requests, r.RawRequest != "")
					count(&a.Responses, r.RawResponse != "")
					count(&a.Countries, r.Geo.CountryISOCode != "")
					want[r.OrgID+"|"+r.APIID] = a
				}
				assert.Len(t, got.APIs, len(want))
				for _, a := range got.APIs {
					w := want[a.Org+"|"+a.ID]
					assert.Equal(t, [4]int64{w.Records, w.Requests, w.Responses, w.Countries}, [4]int64{a.Records, a.Requests, a.Responses, a.Countries}, a.ID)
				}
				assert.False(t, got.Since.IsZero())
				storage, err := s.Storage(t.Context())
				require.NoError(t, err)
				assert.Equal(t, d.driver == sqliteDriver, storage.Free > 0)
			})
		})
	}
}

// A day's growth is that of the newest day's requests, or of how long a table took to grow.
func TestGrowthOfADay(t *testing.T) {
	t.Parallel()
	var records []analytics.Record
	for i := range 4000 { // of four days, half of them of the last
		r := sinktest.Sample(i)
		r.TimeStamp = sinktest.Time.Add(-time.Duration(i) * 12 * time.Hour / 1000)
		if i < 2000 {
			r.TimeStamp = sinktest.Time.Add(-time.Duration(i) * 24 * time.Hour / 2000)
		} else {
			r.TimeStamp = sinktest.Time.Add(-24*time.Hour - time.Duration(i-2000)*72*time.Hour/2000)
		}
		r.OrgID, r.ResponseCode, r.MCP, r.GraphQL = "org", 200, analytics.MCPStats{}, analytics.GraphQLStats{}
		records = append(records, r)
	}
	onEach(t, func(t *testing.T, d database) {
		c := contents{records: records, rollups: true}
		d.fill(t, c)
		if d.driver == postgresDriver {
			d.exec(t, "analyze tyk_analytics")
		}
		s := d.open(t, c, sinktest.Time.Add(time.Minute), nil)
		storage, err := s.Storage(t.Context())
		require.NoError(t, err)
		require.Positive(t, storage.PerDay)
		for _, table := range storage.Tables {
			if table.Name == "tyk_analytics" {
				assert.InEpsilon(t, float64(table.Bytes)/2, float64(table.PerDay), 0.25)
			}
		}
	})
}
