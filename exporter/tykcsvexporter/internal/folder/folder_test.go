package folder

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

const (
	header = "A,B\n"
	name   = "2026-January-2-3"
)

func newFolder(tb testing.TB, dir string, change func(*Settings)) *Folder {
	tb.Helper()
	settings := Settings{Dir: dir, Header: []byte(header), Mode: 0o640, Retention: time.Hour, Logger: zap.NewNop()}
	if change != nil {
		change(&settings)
	}
	f := New(settings)
	tb.Cleanup(f.Close)
	return f
}

// sheet has rows of a segment, numbered from first to the one before last.
func sheet(file, segment string, first, last int64) *Sheet {
	s := &Sheet{Name: file}
	for i := first; i < last; i++ {
		s.Rows = fmt.Appendf(s.Rows, "%s,%d\n", segment, i)
		s.End(analytics.UID{Segment: segment, Index: i})
	}
	return s
}

// rows is what sheet makes.
func rows(segment string, first, last int64) string {
	return string(sheet("", segment, first, last).Rows)
}

func requireAppended(t *testing.T, f *Folder, stored, known int, sheets ...*Sheet) {
	t.Helper()
	n, before, err := f.Append(t.Context(), sheets)
	require.NoError(t, err)
	assert.Equal(t, []int{stored, known}, []int{n, before}, "stored and known")
}

func requireContent(t *testing.T, want string, path ...string) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(path...))
	require.NoError(t, err)
	require.Equal(t, want, string(content))
}

func TestEachRowIsThereOnce(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "made", "here")
	f := newFolder(t, dir, nil)
	requireAppended(t, f, 4, 0, sheet(name, "s", 0, 3), sheet("2026-January-2-4", "t", 7, 8))
	requireAppended(t, f, 1, 3, sheet(name, "s", 0, 4))
	requireAppended(t, f, 0, 4, sheet(name, "s", 0, 4))
	requireAppended(t, f, 0, 0)
	again := newFolder(t, dir, nil)
	requireAppended(t, again, 2, 3, sheet(name, "s", 1, 6))
	requireAppended(t, f, 1, 6, sheet(name, "s", 0, 7))
	requireContent(t, header+rows("s", 0, 7), dir, name+".csv")
	requireContent(t, header+rows("t", 7, 8), dir, "2026-January-2-4.csv")

	foreign := &Sheet{Name: name}
	foreign.Rows = append(foreign.Rows, "x,y\n"...)
	foreign.End(analytics.UID{})
	requireAppended(t, f, 1, 0, foreign)
	requireAppended(t, f, 1, 0, foreign)
	requireContent(t, header+rows("s", 0, 7)+"x,y\nx,y\n", dir, name+".csv")
}

// TestKilledAtEveryByte takes away what a killed process has not come to, byte by byte.
func TestKilledAtEveryByte(t *testing.T) {
	t.Parallel()
	whole := t.TempDir()
	f := newFolder(t, whole, nil)
	requireAppended(t, f, 3, 0, sheet(name, "s", 0, 3))
	before, err := os.ReadFile(f.journal.path)
	require.NoError(t, err)
	requireAppended(t, f, 4, 0, sheet(name, "s", 3, 5), sheet("2026-January-2-4", "s", 5, 7))
	after, err := os.ReadFile(f.journal.path)
	require.NoError(t, err)
	begun := strings.LastIndexByte(string(after[:len(after)-1]), '\n') + 1 // without the word that all is there

	check := func(journal []byte, first, second string, where string) {
		dir := t.TempDir()
		require.NoError(t, os.CopyFS(dir, os.DirFS(whole)))
		// The copies are other files; a process that was killed leaves the same.
		for i, content := range []string{first, second} {
			path := filepath.Join(dir, []string{name, "2026-January-2-4"}[i]+".csv")
			require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
			info, err := os.Stat(path)
			require.NoError(t, err)
			journal = withInode(t, journal, filepath.Base(path), inode(info))
		}
		require.NoError(t, os.WriteFile(filepath.Join(dir, ownDirectory, filepath.Base(f.journal.path)), journal, 0o600))
		f := newFolder(t, dir, nil)
		_, _, err := f.Append(t.Context(), []*Sheet{sheet(name, "s", 0, 5), sheet("2026-January-2-4", "s", 5, 7)})
		require.NoError(t, err, where)
		requireContent(t, header+rows("s", 0, 5), dir, name+".csv")
		requireContent(t, header+rows("s", 5, 7), dir, "2026-January-2-4.csv")
	}
	old, first, second := header+rows("s", 0, 3), header+rows("s", 0, 5), header+rows("s", 5, 7)
	for n := len(before); n < begun; n++ {
		check(after[:n], old, "", fmt.Sprintf("the journal's byte %d", n))
	}
	for n := len(old); n <= len(first); n++ {
		check(after[:begun], first[:n], "", fmt.Sprintf("the first file's byte %d", n))
	}
	for n := range len(second) + 1 {
		check(after[:begun], first, second[:n], fmt.Sprintf("the second file's byte %d", n))
	}
	for n := begun; n <= len(after); n++ {
		check(after[:n], first, second, fmt.Sprintf("the journal's byte %d", n))
	}
	// A failure of the machine can leave a file of the right size with other bytes.
	check(after[:begun], old+strings.Repeat("\x00", len(first)-len(old)), second, "zeros")
}

// withInode changes the inode of a file in all lines of a journal that are whole.
func withInode(t *testing.T, journal []byte, file string, number uint64) []byte {
	t.Helper()
	var changed []byte
	for line := range strings.Lines(string(journal)) {
		e, err := parse([]byte(line))
		if err != nil || !strings.HasSuffix(line, "\n") {
			changed = append(changed, line...)
			continue
		}
		for i := range e.Writing {
			if e.Writing[i].Name == file {
				e.Writing[i].Inode = number
			}
		}
		made, err := format(e)
		require.NoError(t, err)
		changed = append(changed, made...)
	}
	return changed
}

func TestWhatOthersWroteStays(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for part, content := range map[string]string{
		"":   "Other,Columns\n1,2\n",
		"-1": header + "half a r",
		"-2": "A",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name+part+".csv"), []byte(content), 0o600))
	}
	f := newFolder(t, dir, nil)
	requireAppended(t, f, 1, 0, sheet(name, "s", 0, 1))
	requireContent(t, "Other,Columns\n1,2\n", dir, name+".csv")
	requireContent(t, header+"half a r", dir, name+"-1.csv")
	requireContent(t, "A", dir, name+"-2.csv")
	requireContent(t, header+rows("s", 0, 1), dir, name+"-3.csv")

	// Rows that Tyk Pump appends meanwhile are no rest of ours.
	file, err := os.OpenFile(filepath.Join(dir, name+"-3.csv"), os.O_WRONLY|os.O_APPEND, 0)
	require.NoError(t, err)
	_, err = file.WriteString("o,1\n")
	require.NoError(t, err)
	require.NoError(t, file.Close())
	requireAppended(t, f, 1, 0, sheet(name, "s", 1, 2))
	requireContent(t, header+rows("s", 0, 1)+"o,1\n"+rows("s", 1, 2), dir, name+"-3.csv")
}

func TestAFileThatIsMovedAwayIsBegunAnew(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f := newFolder(t, dir, nil)
	requireAppended(t, f, 2, 0, sheet(name, "s", 0, 2))
	require.NoError(t, os.Rename(filepath.Join(dir, name+".csv"), filepath.Join(dir, "old")))
	requireAppended(t, f, 1, 2, sheet(name, "s", 0, 3))
	requireContent(t, header+rows("s", 0, 2), dir, "old")
	requireContent(t, header+rows("s", 2, 3), dir, name+".csv")
}

// TestAFileThatTookThePlaceOfAnInterruptedOneStays is of a crash, after which somebody moves files.
func TestAFileThatTookThePlaceOfAnInterruptedOneStays(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f := newFolder(t, dir, nil)
	requireAppended(t, f, 9, 0, sheet(name, "s", 0, 9))
	journal, err := os.ReadFile(f.journal.path)
	require.NoError(t, err)
	first := bytes.IndexByte(journal, '\n') + 1 // without the word that all is there
	require.NoError(t, os.WriteFile(f.journal.path, journal[:first], 0o600))
	path := filepath.Join(dir, name+".csv")
	require.NoError(t, os.Rename(path, path+".old"))
	require.NoError(t, os.WriteFile(path, []byte(header+"o,1\n"), 0o600))
	requireAppended(t, newFolder(t, dir, nil), 9, 0, sheet(name, "s", 0, 9))
	requireContent(t, header+"o,1\n"+rows("s", 0, 9), path)
	requireContent(t, header+rows("s", 0, 9), path+".old")
}

func TestADirectoryThatIsMovedAwayIsMadeAnew(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "csv")
	f := newFolder(t, dir, nil)
	requireAppended(t, f, 2, 0, sheet(name, "s", 0, 2))
	require.NoError(t, os.Rename(dir, dir+".old"))
	requireAppended(t, f, 1, 2, sheet(name, "s", 0, 3))
	requireContent(t, header+rows("s", 0, 2), dir+".old", name+".csv")
	requireContent(t, header+rows("s", 2, 3), dir, name+".csv")

	// While something else is in its place, nothing is written, and nothing is lost.
	require.NoError(t, os.RemoveAll(dir))
	require.NoError(t, os.WriteFile(dir, nil, 0o600))
	_, _, err := f.Append(t.Context(), []*Sheet{sheet(name, "s", 3, 4)})
	require.ErrorContains(t, err, "open the directory "+dir)
	require.NoError(t, os.Remove(dir))
	requireAppended(t, f, 1, 0, sheet(name, "s", 3, 4))
	requireContent(t, header+rows("s", 3, 4), dir, name+".csv")
}

func TestALockedDirectoryIsWaitedFor(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	other, f := newFolder(t, dir, nil), newFolder(t, dir, nil)
	release, err := other.hold(t.Context())
	require.NoError(t, err)
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, _, err = f.Append(short, []*Sheet{sheet(name, "s", 0, 1)})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "which another process may hold")
	time.AfterFunc(10*time.Millisecond, release)
	requireAppended(t, f, 1, 0, sheet(name, "s", 0, 1))

	// Of several goroutines one waits for the other.
	release, err = f.hold(t.Context())
	require.NoError(t, err)
	short, cancel = context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	require.ErrorIs(t, f.Check(short), context.DeadlineExceeded)
	release()
	require.NoError(t, f.Check(t.Context()))
}

func TestRotation(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	limit := func(s *Settings) { s.MaxBytes = int64(len(header) + 6) }
	f := newFolder(t, dir, limit)
	for i := range int64(3) {
		requireAppended(t, f, 2, 0, sheet(name, "s", 2*i, 2*i+2))
	}
	f = newFolder(t, dir, limit)
	requireAppended(t, f, 1, 1, sheet(name, "s", 5, 7))
	for i, part := range []string{"", "-1", "-2"} {
		requireContent(t, header+rows("s", int64(2*i), int64(2*i+2)), dir, name+part+".csv")
	}
	requireContent(t, header+rows("s", 6, 7), dir, name+"-3.csv")
}

func TestARecordMayBeInFilesOfEachHeader(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for i, columns := range []string{header, "A,B,C\n"} {
		f := newFolder(t, dir, func(s *Settings) { s.Header = []byte(columns) })
		requireAppended(t, f, 2, 0, sheet(name, "s", 0, 2))
		requireContent(t, columns+rows("s", 0, 2), dir, partName(name, i)+".csv")
	}
}

func TestPermissionsAreThoseThatAreAskedFor(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "csv")
	requireAppended(t, newFolder(t, dir, nil), 1, 0, sheet(name, "s", 0, 1))
	for path, want := range map[string]os.FileMode{dir: 0o750, filepath.Join(dir, name+".csv"): 0o640} {
		info, err := os.Stat(path)
		require.NoError(t, err)
		assert.Equal(t, want, info.Mode().Perm(), path)
	}
}

func TestTheJournalStaysSmall(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f, other := newFolder(t, dir, nil), newFolder(t, dir, nil)
	requireAppended(t, other, 1, 0, sheet(name, "first", 0, 1))
	const step = 20_000
	largest := int64(0)
	for round := range int64(30) { // every second row first, so that there are many ranges
		s := &Sheet{Name: name}
		for i := round * step; i < (round+1)*step; i += 2 {
			s.Rows = append(s.Rows, "x,y\n"...)
			s.End(analytics.UID{Segment: "s", Index: i + 1 - round%2})
		}
		requireAppended(t, f, step/2, 0, s)
		largest = max(largest, f.journal.size)
	}
	assert.Less(t, largest, int64(2*compactBytes))
	info, err := os.Stat(f.journal.path)
	require.NoError(t, err)
	assert.Equal(t, f.journal.size, info.Size())
	requireAppended(t, other, 0, 2, sheet(name, "first", 0, 1), sheet(name, "s", 1, 2))
	requireAppended(t, newFolder(t, dir, nil), 1, 1, sheet(name, "first", 0, 1), sheet(name, "s", 0, 1))
	now, err := os.Stat(f.journal.path)
	require.NoError(t, err)
	assert.True(t, os.SameFile(info, now), "it is not written anew by each process in turn")

	f.journal.ledger["first"].at -= 3601
	f.journal.compacted = 0
	f.journal.size += compactBytes
	require.NoError(t, f.journal.compact(0o600))
	requireAppended(t, f, 1, 0, sheet(name, "first", 0, 1))
}

func TestADamagedJournalCostsWhatIsDamaged(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f := newFolder(t, dir, nil)
	for i := range int64(3) {
		requireAppended(t, f, 1, 0, sheet(name, "s"+strconv.FormatInt(i, 10), 0, 1))
	}
	content, err := os.ReadFile(f.journal.path)
	require.NoError(t, err)
	content[bytes.Index(content, []byte("s1"))]++
	require.NoError(t, os.WriteFile(f.journal.path, content, 0o600))
	again := newFolder(t, dir, nil)
	requireAppended(t, again, 1, 2, sheet(name, "s0", 0, 1), sheet(name, "s1", 0, 1), sheet(name, "s2", 0, 1))

	require.NoError(t, os.Truncate(f.journal.path, 0))
	requireAppended(t, again, 0, 1, sheet(name, "s0", 0, 1))
	requireAppended(t, newFolder(t, dir, nil), 1, 0, sheet(name, "s0", 0, 1))
}
