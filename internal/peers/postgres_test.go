package peers_test

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

func query(t *testing.T, dsn, sql string) (string, error) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		return "", err
	}
	defer func() { assert.NoError(t, conn.Close(context.Background())) }()
	var value string
	err = conn.QueryRow(t.Context(), sql).Scan(&value)
	return value, err
}

func TestPostgresKeepsDataOverStopAndCrash(t *testing.T) {
	t.Parallel()
	p := peers.StartPostgres(t)
	dsn := p.FreshDatabase(t)
	addr := p.Addr()
	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), "create table t as select 'kept' as v")
	require.NoError(t, err)

	require.NoError(t, p.Stop(t.Context()), "open sessions do not keep it from ending")
	require.NoError(t, p.Stop(t.Context()), "stopping twice is harmless")
	assert.Zero(t, p.PID())
	_, err = query(t, dsn, "select v from t")
	require.Error(t, err)

	require.NoError(t, p.Start(t.Context()))
	require.NoError(t, p.Start(t.Context()), "starting twice is harmless")
	assert.Equal(t, addr, p.Addr())
	value, err := query(t, dsn, "select v from t")
	require.NoError(t, err)
	assert.Equal(t, "kept", value)

	p.Kill()
	require.NoError(t, p.Start(t.Context()))
	value, err = query(t, dsn, "select v from t")
	require.NoError(t, err)
	assert.Equal(t, "kept", value)
}

func TestPostgresDatabasesAreApart(t *testing.T) {
	t.Parallel()
	p := peers.StartPostgres(t, peers.PostgresConfig("work_mem=5MB"))
	first, second := p.FreshDatabase(t), p.FreshDatabase(t)
	assert.NotEqual(t, first, second)
	value, err := query(t, first, "show work_mem")
	require.NoError(t, err)
	assert.Equal(t, "5MB", value)
	value, err = query(t, second, "show fsync")
	require.NoError(t, err)
	assert.Equal(t, "off", value)
}

func TestPostgresDurableWaitsForTheDisk(t *testing.T) {
	t.Parallel()
	p := peers.StartPostgres(t, peers.PostgresDurable())
	for _, parameter := range []string{"fsync", "synchronous_commit", "full_page_writes"} {
		value, err := query(t, p.DSN(), "show "+parameter)
		require.NoError(t, err)
		assert.Equal(t, "on", value, parameter)
	}
}

func TestPostgresWithTLSLetsNobodyInWithoutIt(t *testing.T) {
	t.Parallel()
	p := peers.StartPostgres(t, peers.PostgresTLS())
	version, err := query(t, p.FreshDatabase(t), "select version from pg_stat_ssl where pid = pg_backend_pid()")
	require.NoError(t, err)
	assert.Contains(t, version, "TLSv1.")
	_, err = query(t, strings.Replace(p.DSN(), "sslmode=require", "sslmode=disable", 1), "select 'x'")
	require.ErrorContains(t, err, "no encryption")
	_, err = query(t, p.DSN()+"&sslrootcert="+p.Certificates().CAFile, "create role client login")
	require.Error(t, err) // of a row that is not there
	certified := strings.Replace(p.DSN(), "postgres@", "client@", 1)
	_, err = query(t, certified, "select 'x'")
	require.ErrorContains(t, err, "certificate")
	certified += "&sslcert=" + p.Certificates().ClientCertFile + "&sslkey=" + p.Certificates().ClientKeyFile
	name, err := query(t, certified, "select current_user::text")
	require.NoError(t, err)
	assert.Equal(t, "client", name)
}
