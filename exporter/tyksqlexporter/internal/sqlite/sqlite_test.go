package sqlite

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/engine"
)

func TestSQLiteFileIsFoundInTheDatasource(t *testing.T) {
	t.Parallel()
	for datasource, want := range map[string]string{
		"tyk.db": "tyk.db", "/var/lib/tyk.db": "/var/lib/tyk.db", "a/b?c.db": "a/b?c.db",
		"file:tyk.db": "tyk.db", "file:a%20b/tyk.db?mode=rwc": "a b/tyk.db", "file:/var/lib/tyk.db": "/var/lib/tyk.db",
		"file:///var/lib/tyk.db": "/var/lib/tyk.db",
	} {
		assert.Equal(t, want, fileOf(datasource), datasource)
	}
}

func TestADatabaseInMemoryIsRefused(t *testing.T) {
	t.Parallel()
	for _, datasource := range []string{":memory:", "file::memory:?cache=shared", "file:x?mode=memory"} {
		require.ErrorContains(t, Validate(datasource), "forgets all records", datasource)
	}
	require.NoError(t, Validate("tyk_analytics.db"))
}

func TestAQuestionMarkIsPartOfAPath(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "of what?", "tyk.db")
	s := New(engine.Settings{Datasource: path, MaxOpenConns: 1, Logger: zap.NewNop()})
	defer func() { require.NoError(t, s.Close()) }()
	require.NoError(t, s.Find(t.Context(), nil))
	require.FileExists(t, path)
}
