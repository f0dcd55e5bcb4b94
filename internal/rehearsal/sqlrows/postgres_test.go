package sqlrows

import (
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/rows"
)

// Datasources of real installations: behind a pooler, and with settings of their own.
func TestPostgresIsReadTheSameWayWhateverTheDatasourceSets(t *testing.T) {
	t.Parallel()
	server := peers.StartPostgres(t)
	dsn := server.FreshDatabase(t)
	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	_, err = conn.Exec(t.Context(), `create table tyk_analytics (orgid text, responsecode bigint, "timestamp" timestamptz); insert into tyk_analytics values ('o', 200, '2026-07-28T10:00:00.125Z')`)
	require.NoError(t, err)
	with := func(parameters string) string {
		if strings.Contains(dsn, "?") {
			return dsn + "&" + parameters
		}
		return dsn + "?" + parameters
	}
	pooler := peers.StartPgBouncer(t, server, peers.TransactionPooling, 1)
	for name, datasource := range map[string]string{
		"plain": dsn, "zone": with("TimeZone=Asia/Kolkata"), "zone and style": with("timezone=America/New_York&DateStyle=German"), "pooler": pooler.Through(dsn),
	} {
		s, err := Open(t.Context(), Postgres, datasource)
		require.NoError(t, err, name)
		tables, err := s.Tables(t.Context())
		require.NoError(t, err, name)
		require.Len(t, tables, 1, name)
		for range 3 { // a pooler may give another connection each time
			at := time.Date(2026, 7, 28, 10, 0, 0, 0, time.UTC)
			got := read(t, s, rows.Scan{Table: &tables[0], Columns: tables[0].Columns, Window: rows.Window{From: at, To: at.Add(time.Minute)}, Sorted: true})
			assert.Equal(t, [][]string{{"o", "200", "2026-07-28T10:00:00.125000Z"}}, got, name)
			n, err := s.Count(t.Context(), &tables[0])
			require.NoError(t, err, name)
			assert.EqualValues(t, 1, n, name)
		}
		require.NoError(t, s.Close())
	}
	var readOnly, memory string
	through, err := pgx.Connect(t.Context(), pooler.Through(dsn)+"&default_query_exec_mode=simple_protocol")
	require.NoError(t, err)
	defer through.Close(t.Context())
	require.NoError(t, through.QueryRow(t.Context(), "select current_setting('transaction_read_only'), current_setting('work_mem')").Scan(&readOnly, &memory))
	assert.Equal(t, "off", readOnly, "no setting is handed on to others of the pooler")
	assert.NotEqual(t, "64MB", memory)
}
