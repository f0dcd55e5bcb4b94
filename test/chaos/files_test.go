//go:build e2e || chaos

package chaos

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// groupFiles stores into CSV files, which have no transactions.
const groupFiles = "files"

// folder is a directory of CSV files.
type folder struct{ path string }

func (*folder) product() string { return "CSV files" }

func (f *folder) exporter(func(string) (string, error)) (destination, error) {
	return destination{component: "tykcsv", config: object{
		"csv_dir": f.path, "timeout": "5s",
		"retry_on_failure": object{"initial_interval": "100ms", "max_interval": "1s"},
	}}, nil
}

func (*folder) refuses(poison) bool { return false }

func (*folder) holds(poison) bool { return true }

func (*folder) counts(of rollupOf) (rollupOf, bool) { return of, false }

func (f *folder) files() ([]string, error) { return filepath.Glob(filepath.Join(f.path, "*.csv")) }

func (f *folder) tally(context.Context) (*tally, error) {
	t := newTally()
	files, err := f.files()
	for _, file := range files {
		err = errors.Join(err, t.addFile(file))
	}
	return t, err
}

// addFile counts the rows of a file, by the names in its header.
func (t *tally) addFile(name string) error {
	content, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = content.Close() }() // which was only read
	rows := csv.NewReader(content)
	header, err := rows.Read()
	if err != nil {
		return fmt.Errorf("read the header of %s: %w", name, err)
	}
	place := map[string]int{}
	for _, column := range []string{"Alias", "APIID", "ResponseCode", "RequestTime", "ContentLength"} {
		if place[column] = slices.Index(header, column); place[column] < 0 {
			return fmt.Errorf("%s has no column %s", name, column)
		}
	}
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
		if !t.add(row[place["Alias"]]) {
			continue
		}
		numbers := make([]int64, 0, 3)
		for _, column := range []string{"ResponseCode", "RequestTime", "ContentLength"} {
			n, err := strconv.ParseInt(row[place[column]], 10, 64)
			if err != nil {
				return fmt.Errorf("read %s: %w", name, err)
			}
			numbers = append(numbers, n)
		}
		t.sums.add(sumsOf{row[place["APIID"]], numbers[0]}, sum{1, numbers[1], numbers[2]})
	}
}

// count is the number of lines, since no value of the load's has several.
func (f *folder) count(context.Context) (int64, error) {
	files, err := f.files()
	if err != nil {
		return 0, err
	}
	lines := 0
	for _, name := range files {
		content, err := os.ReadFile(name)
		if err != nil {
			return 0, err
		}
		lines += bytes.Count(content, []byte("\n")) - 1
	}
	return int64(lines), nil
}

// block holds the lock that collectors take turns by.
func (f *folder) block(ctx context.Context) (func(), error) {
	lock, err := os.OpenFile(filepath.Join(f.path, ".tykcsv", "lock"), os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	for {
		err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = lock.Close() }, nil // which gives it back
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(err, ctx.Err(), lock.Close())
		case <-time.After(time.Millisecond):
		}
	}
}

func (f *folder) explain(_ context.Context, record int) string {
	files, err := f.files()
	var lines []string
	for _, name := range files {
		content, readErr := os.ReadFile(name)
		err = errors.Join(err, readErr)
		for n, line := range bytes.Split(content, []byte("\n")) {
			if bytes.Contains(line, []byte(","+strconv.Itoa(record)+",")) {
				lines = append(lines, fmt.Sprintf("%s:%d", filepath.Base(name), n+1))
			}
		}
	}
	return fmt.Sprint("lines with the number ", lines, " ", err)
}
