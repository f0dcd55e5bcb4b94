package sandbox

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

// A pooler refuses the schema, or passes over it, in which case the rows of both sides would go into the real tables.
func TestAPoolerIsRefusedWithTheRemedy(t *testing.T) {
	t.Parallel()
	server := peers.StartPostgres(t)
	dsn := server.FreshDatabase(t)
	made, err := sqlStore("postgres", dsn, "_shadow")
	require.NoError(t, err)
	require.NoError(t, made.Create(t.Context()), "without a pooler")
	require.NoError(t, made.Create(t.Context()), "it is there")
	for _, pooling := range []peers.Pooling{peers.TransactionPooling, peers.SessionPooling} {
		for _, ignored := range [][]string{nil, {"search_path"}} {
			pooler := peers.StartPgBouncer(t, server, pooling, 1, ignored...)
			s, err := sqlStore("postgres", pooler.Through(dsn), "_shadow")
			require.NoError(t, err)
			err = s.Create(t.Context())
			require.ErrorContains(t, err, "name PostgreSQL itself", "%s, ignoring %q", pooling, ignored)
		}
	}
	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	var schemas []string
	found, err := conn.Query(t.Context(), "select nspname from pg_namespace where nspname like 'public%' order by 1")
	require.NoError(t, err)
	schemas, err = pgx.CollectRows(found, pgx.RowTo[string])
	require.NoError(t, err)
	assert.Equal(t, "public public_shadow", strings.Join(schemas, " "))
}
