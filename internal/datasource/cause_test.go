package datasource

import (
	"errors"
	"net"
	"strconv"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

func TestTheLastCauseOfAFailedConnectionComesFirst(t *testing.T) {
	t.Parallel()
	server := peers.StartPostgres(t)
	config, err := pgx.ParseConfig(server.FreshDatabase(t))
	require.NoError(t, err)
	dsn := "postgres://" + config.User + "@" + net.JoinHostPort(config.Host, strconv.Itoa(int(config.Port))) + "/no_such_database?sslmode=prefer"
	conn, err := pgx.Connect(t.Context(), dsn)
	require.Error(t, err)
	require.Nil(t, conn)
	said := LastCauseFirst(err)
	assert.Regexp(t, `^\S+ \(\S+\): server error: FATAL: database "no_such_database" does not exist`, said.Error())
	assert.NotContains(t, said.Error(), "\n")
	_, still := errors.AsType[*pgconn.PgError](said)
	assert.True(t, still, "what decides by the cause still finds it")
	other := errors.New("other")
	assert.Equal(t, other, LastCauseFirst(other))
}
