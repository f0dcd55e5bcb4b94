package sqlite

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/engine"
	"github.com/otelcol-tyk/otelcol-tyk/internal/datasource"
)

func TestADatabaseInMemoryIsRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{":memory:", "file::memory:?cache=shared", "file:x?mode=memory"} {
		require.ErrorContains(t, datasource.CheckSQLite(text), "forgets all records", text)
	}
	require.NoError(t, datasource.CheckSQLite("tyk_analytics.db"))
}

func TestAQuestionMarkIsPartOfAPath(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "of what?", "tyk.db")
	s, err := New(engine.Settings{Datasource: path, MaxOpenConns: 1, Logger: zap.NewNop()})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	require.NoError(t, s.Find(t.Context(), nil))
	require.FileExists(t, path)
}

func TestTheFileIsItsOwnersOnly(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	rights := func(file string) (all []string) {
		files, err := filepath.Glob(file + "*")
		require.NoError(t, err)
		for _, name := range files {
			info, err := os.Stat(name)
			require.NoError(t, err)
			all = append(all, strings.TrimPrefix(name, file)+" "+info.Mode().String())
		}
		return all
	}
	open := func(text string) {
		s, err := New(engine.Settings{Datasource: text, MaxOpenConns: 1, Logger: zap.NewNop()})
		require.NoError(t, err)
		t.Cleanup(func() { assert.NoError(t, s.Close()) })
		require.NoError(t, s.Find(t.Context(), nil))
	}
	for _, text := range []string{filepath.Join(dir, "a", "tyk.db"), "file:" + filepath.Join(dir, "b", "tyk.db")} {
		open(text)
		assert.Equal(t, []string{" -rw-------", "-shm -rw-------", "-wal -rw-------"}, rights(datasource.FileOf(text)), text)
	}

	shared := filepath.Join(dir, "tyk.db")
	require.NoError(t, os.WriteFile(shared, nil, 0o600))
	require.NoError(t, os.Chmod(shared, 0o640)) //nolint:gosec // what an operator decided
	open(shared)
	assert.Contains(t, rights(shared), " -rw-r-----")
}
