package peers_test

import (
	"crypto/tls"
	"database/sql"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

// mariaDB opens a database; config is nil without TLS.
func mariaDB(t *testing.T, dsn string, config *tls.Config) *sql.DB {
	t.Helper()
	parsed, err := mysql.ParseDSN(dsn)
	require.NoError(t, err)
	if config != nil {
		parsed.TLS = config
	}
	connector, err := mysql.NewConnector(parsed)
	require.NoError(t, err)
	db := sql.OpenDB(connector)
	t.Cleanup(func() { assert.NoError(t, db.Close()) })
	return db
}

// variable reads one text.
func variable(t *testing.T, db *sql.DB, query string) (string, error) {
	t.Helper()
	var value string
	err := db.QueryRowContext(t.Context(), query).Scan(&value)
	return value, err
}

func TestMariaDBKeepsDataOverStopAndCrash(t *testing.T) {
	t.Parallel()
	m := peers.StartMariaDB(t)
	addr := m.Addr()
	db := mariaDB(t, m.FreshDatabase(t), nil)
	_, err := db.ExecContext(t.Context(), "create table t (v varchar(20)) select 'kept' as v")
	require.NoError(t, err)

	require.NoError(t, m.Stop(t.Context()), "open sessions do not keep it from ending")
	require.NoError(t, m.Stop(t.Context()), "stopping twice is harmless")
	assert.Zero(t, m.PID())
	_, err = variable(t, db, "select v from t")
	require.Error(t, err)

	require.NoError(t, m.Start(t.Context()))
	require.NoError(t, m.Start(t.Context()), "starting twice is harmless")
	assert.Equal(t, addr, m.Addr())
	_, err = db.ExecContext(t.Context(), "insert into t values ('committed')")
	require.NoError(t, err)

	m.Kill()
	require.NoError(t, m.Start(t.Context()))
	value, err := variable(t, db, "select group_concat(v order by v) from t")
	require.NoError(t, err)
	assert.Equal(t, "committed,kept", value)
}

func TestMariaDBDatabasesAreApart(t *testing.T) {
	t.Parallel()
	m := peers.StartMariaDB(t, peers.MariaDBConfig("local-infile=off"))
	first, second := m.FreshDatabase(t), m.FreshDatabase(t)
	assert.NotEqual(t, first, second)
	value, err := variable(t, mariaDB(t, first, nil), "select concat(@@local_infile, @@innodb_flush_log_at_trx_commit, @@character_set_database)")
	require.NoError(t, err)
	assert.Equal(t, "OFF2utf8mb4", value)
}

func TestMariaDBDurableWaitsForTheDisk(t *testing.T) {
	t.Parallel()
	m := peers.StartMariaDB(t, peers.MariaDBDurable())
	value, err := variable(t, mariaDB(t, m.DSN(), nil), "select concat(@@innodb_flush_log_at_trx_commit, @@innodb_doublewrite, @@innodb_flush_method)")
	require.NoError(t, err)
	assert.Regexp(t, "^1(ON|1)", value)
	assert.NotContains(t, value, "nosync")
}

func TestMariaDBTakesOnlyTLSWhereTold(t *testing.T) {
	t.Parallel()
	m := peers.StartMariaDB(t, peers.MariaDBTLS())
	config, err := m.Certificates().ClientConfig()
	require.NoError(t, err)
	value, err := variable(t, mariaDB(t, m.FreshDatabase(t), config), "select variable_value from information_schema.session_status where variable_name = 'Ssl_version'")
	require.NoError(t, err)
	assert.Contains(t, value, "TLSv1.")

	plain, err := mysql.ParseDSN(m.DSN())
	require.NoError(t, err)
	plain.TLSConfig = "false"
	_, err = variable(t, mariaDB(t, plain.FormatDSN(), nil), "select 1")
	require.Error(t, err)
	_, err = variable(t, mariaDB(t, m.DSN(), nil), "select 1")
	require.ErrorContains(t, err, "certificate signed by unknown authority")
}
