//go:build linux

package folder

import (
	"bufio"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
)

// What a process of the tests is told, and how much it writes.
const (
	writerVariable = "FOLDER_TEST_WRITER" // directory, segment and first delivery
	limitVariable  = "FOLDER_TEST_LIMIT"
	deliveries     = 300
	perDelivery    = 10
	kills          = 15
)

func TestMain(m *testing.M) {
	if text := os.Getenv(writerVariable); text != "" {
		if err := writer(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// writer writes deliveries, says of each that it is written, and compresses now and then.
func writer(text string) error {
	var dir, segment string
	var first int64
	if _, err := fmt.Sscan(text, &dir, &segment, &first); err != nil {
		return err
	}
	f := New(Settings{Dir: dir, Header: []byte(header), Mode: 0o640, MaxBytes: 3000, Logger: zap.NewNop()})
	for i := first; i < deliveries; i++ {
		half := i*perDelivery + perDelivery/2
		sheets := []*Sheet{
			sheet("2026-January-2-"+strconv.FormatInt(i/100, 10), segment, i*perDelivery, half),
			sheet("2026-January-2-"+strconv.FormatInt(i/100+1, 10), segment, half, (i+1)*perDelivery),
		}
		if _, _, err := f.Append(context.Background(), sheets); err != nil {
			return err
		}
		fmt.Println(i)
		if i%20 == 0 {
			if err := f.Compress(context.Background()); err != nil {
				return err
			}
		}
	}
	return nil
}

// writeKilled runs a writer, which is killed several times and then comes to its end.
func writeKilled(ctx context.Context, dir, segment string, random *rand.Rand) error {
	next := int64(0)
	for killed := 0; next < deliveries; killed++ {
		c := exec.CommandContext(ctx, os.Args[0])
		c.Env = append(os.Environ(), fmt.Sprintf("%s=%s %s %d", writerVariable, dir, segment, next))
		c.Stderr = os.Stderr
		out, err := c.StdoutPipe()
		if err != nil {
			return err
		}
		if err := c.Start(); err != nil {
			return err
		}
		// At a delivery, not at a time, which is another one on each machine.
		until := int64(deliveries)
		if killed < kills {
			until = next + random.Int64N(2*deliveries/kills)
		}
		for lines := bufio.NewScanner(out); next < until && lines.Scan(); next++ {
			if lines.Text() != strconv.FormatInt(next, 10) {
				return fmt.Errorf("got %q instead of %d", lines.Text(), next)
			}
		}
		if until < deliveries {
			time.Sleep(time.Duration(random.Int64N(int64(3 * time.Millisecond))))
			if err := c.Process.Kill(); err != nil {
				return err
			}
		}
		if err := c.Wait(); err != nil && until == deliveries {
			return err
		}
	}
	return nil
}

// allRows are the rows of all files of a directory.
func allRows(t *testing.T, dir string) map[string]int {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.csv*"))
	require.NoError(t, err)
	count := map[string]int{}
	for _, path := range files {
		file, err := os.Open(path)
		require.NoError(t, err)
		var reader io.Reader = file
		if strings.HasSuffix(path, compressed) {
			reader, err = gzip.NewReader(file)
			require.NoError(t, err, path)
		}
		content, err := io.ReadAll(reader)
		require.NoError(t, err, path)
		require.NoError(t, file.Close())
		require.True(t, strings.HasPrefix(string(content), header), path)
		for line := range strings.Lines(strings.TrimPrefix(string(content), header)) {
			count[line]++
		}
	}
	return count
}

// TestNoRowIsLostOrDoubledWhenProcessesAreKilled has two processes that write into one directory.
func TestNoRowIsLostOrDoubledWhenProcessesAreKilled(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	dir := t.TempDir()
	var writers sync.WaitGroup
	for i, segment := range []string{"left", "right"} {
		writers.Go(func() {
			assert.NoError(t, writeKilled(t.Context(), dir, segment, rand.New(rand.NewPCG(seed, uint64(i)))))
		})
	}
	writers.Wait()
	got := allRows(t, dir)
	for _, segment := range []string{"left", "right"} {
		for line := range strings.Lines(rows(segment, 0, deliveries*perDelivery)) {
			assert.Equal(t, 1, got[line], line)
		}
	}
	assert.Len(t, got, 2*deliveries*perDelivery, "and nothing else")
}

// TestAFullDiskLeavesNoHalfRows runs in a process of its own, in which files can have only so many bytes,
// and only so many can be open.
func TestAFullDiskLeavesNoHalfRows(t *testing.T) {
	t.Parallel()
	if os.Getenv(limitVariable) == "" {
		c := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^"+t.Name()+"$")
		c.Env = append(os.Environ(), limitVariable+"=1")
		out, err := c.CombinedOutput()
		require.NoError(t, err, string(out))
		return
	}
	dir := t.TempDir()
	f := newFolder(t, dir, nil)
	requireAppended(t, f, 100, 0, sheet(name, "s", 0, 100))
	held := header + rows("s", 0, 100)

	journal := f.journal.size
	limit(t, uint64(journal)+10)
	_, _, err := f.Append(t.Context(), []*Sheet{sheet(name, "s", 100, 102)})
	require.ErrorIs(t, err, syscall.EFBIG, "the journal does not fit")
	requireContent(t, held, dir, name+".csv")

	limit(t, 4000)
	big := sheet("2026-January-2-4", "t", 0, 2000)
	_, _, err = f.Append(t.Context(), []*Sheet{sheet(name, "s", 100, 102), big})
	require.ErrorIs(t, err, syscall.EFBIG, "the rows do not fit")
	requireContent(t, held+rows("s", 100, 102), dir, name+".csv")
	requireContent(t, "", dir, "2026-January-2-4.csv")
	requireAppended(t, f, 1, 2, sheet(name, "s", 100, 103))

	limit(t, 1<<30)
	var files syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files))
	files.Cur = 100
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &files))
	var hours []*Sheet
	for i := range int64(300) {
		hours = append(hours, sheet(fmt.Sprintf("%d-May-1-1", 3000+i), "h", i, i+1))
	}
	requireAppended(t, f, 300, 0, hours...)
	requireAppended(t, f, 2000, 3, sheet(name, "s", 100, 103), big)
	requireContent(t, header+rows("t", 0, 2000), dir, "2026-January-2-4.csv")
	requireContent(t, held+rows("s", 100, 103), dir, name+".csv")
}

// limit bounds the size of this process' files.
func limit(t *testing.T, bytes uint64) {
	t.Helper()
	var now syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &now))
	now.Cur = bytes
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &now))
}
