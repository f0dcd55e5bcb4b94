package peers_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

func TestPgBouncerSharesConnectionsByTransactionOrSession(t *testing.T) {
	t.Parallel()
	p := peers.StartPostgres(t)
	for pooling, same := range map[peers.Pooling]bool{peers.TransactionPooling: true, peers.SessionPooling: false} {
		t.Run(string(pooling), func(t *testing.T) {
			t.Parallel()
			const connections = 1
			limit := connections
			if !same {
				limit++ // a second session would wait for the first otherwise
			}
			b := peers.StartPgBouncer(t, p, pooling, limit)
			dsn := b.Through(p.FreshDatabase(t))
			assert.NotContains(t, dsn, p.Addr())
			var servers [2]int
			for i := range servers {
				conn, err := pgx.Connect(t.Context(), dsn)
				require.NoError(t, err)
				t.Cleanup(func() { assert.NoError(t, conn.Close(context.Background())) })
				require.NoError(t, conn.QueryRow(t.Context(), "select pg_backend_pid()", pgx.QueryExecModeExec).Scan(&servers[i]))
			}
			assert.Equal(t, same, servers[0] == servers[1])
		})
	}
}
