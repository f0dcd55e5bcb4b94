package folder

import (
	"compress/gzip"
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func requireUnzipped(t *testing.T, want string, path ...string) {
	t.Helper()
	file, err := os.Open(filepath.Join(path...))
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	reader, err := gzip.NewReader(file)
	require.NoError(t, err)
	content, err := io.ReadAll(reader)
	require.NoError(t, err)
	assert.Equal(t, want, string(content))
}

func TestFinishedFilesAreCompressed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f := newFolder(t, dir, func(s *Settings) { s.Quiet = time.Hour })
	requireAppended(t, f, 2, 0, sheet(name, "s", 0, 1), sheet("2026-January-2-4", "s", 1, 2))
	long := time.Now().Add(-2 * time.Hour)
	for file, content := range map[string]string{"2026-January-2-5.csv": "Other\n1\n", "other.csv": header} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, file), []byte(content), 0o600))
		require.NoError(t, os.Chtimes(filepath.Join(dir, file), long, long))
	}
	done := filepath.Join(dir, name+".csv")
	require.NoError(t, os.Chtimes(done, long, long))
	stopped, stop := context.WithCancel(t.Context())
	stop()
	_ = f.Compress(stopped) // which may have begun or not
	require.FileExists(t, done)

	require.NoError(t, f.Compress(t.Context()))
	require.NoFileExists(t, done)
	requireUnzipped(t, header+rows("s", 0, 1), done+".gz")
	for _, file := range []string{"2026-January-2-4.csv", "2026-January-2-5.csv", "other.csv"} {
		require.FileExists(t, filepath.Join(dir, file))
	}
	entries, err := os.ReadDir(f.own(""))
	require.NoError(t, err)
	assert.Len(t, entries, 3, "nothing but locks and the journal")

	// What comes late does not open a finished file.
	requireAppended(t, f, 1, 1, sheet(name, "s", 0, 1), sheet(name, "late", 0, 1))
	requireContent(t, header+rows("late", 0, 1), dir, name+"-1.csv")
}

func TestCompressingThatWasKilledIsEnded(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f := newFolder(t, dir, nil)
	requireAppended(t, f, 1, 0, sheet(name, "s", 0, 1))
	done := filepath.Join(dir, name+".csv")
	content, err := os.ReadFile(done)
	require.NoError(t, err)
	require.NoError(t, f.Compress(t.Context()))
	require.NoError(t, os.WriteFile(done, content, 0o600)) // killed before it was removed
	require.NoError(t, f.Compress(t.Context()))
	require.NoFileExists(t, done)
	requireUnzipped(t, string(content), done+".gz")

	// Another file of the name stays.
	require.NoError(t, os.WriteFile(done, append(content, content...), 0o600))
	require.NoError(t, f.Compress(t.Context()))
	require.FileExists(t, done)
	requireAppended(t, f, 1, 0, sheet(name, "s", 1, 2))
	requireContent(t, header+rows("s", 1, 2), dir, name+"-1.csv")
}

func TestOneProcessCompresses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f := newFolder(t, dir, nil)
	requireAppended(t, f, 1, 0, sheet(name, "s", 0, 1))
	guard, err := os.Create(f.own("compress"))
	require.NoError(t, err)
	require.NoError(t, lock(guard))
	require.NoError(t, f.Compress(t.Context()))
	require.FileExists(t, filepath.Join(dir, name+".csv"))
	giveBack(guard)
	require.NoError(t, f.Compress(t.Context()))
	require.NoFileExists(t, filepath.Join(dir, name+".csv"))
}

// TestAFileThatGrowsMeanwhileIsNotReplaced is of rows that come while a file is compressed.
func TestAFileThatGrowsMeanwhileIsNotReplaced(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f := newFolder(t, dir, nil)
	requireAppended(t, f, 1, 0, sheet(name, "s", 0, 1))
	file, err := os.Open(filepath.Join(dir, name+".csv"))
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	before, err := file.Stat()
	require.NoError(t, err)
	made := f.own("made")
	require.NoError(t, f.writeCompressed(t.Context(), made, file))
	requireAppended(t, f, 1, 0, sheet(name, "s", 1, 2))
	require.NoError(t, f.replace(t.Context(), file, before, made))
	require.NoFileExists(t, made)
	requireContent(t, header+rows("s", 0, 2), dir, name+".csv")
}
