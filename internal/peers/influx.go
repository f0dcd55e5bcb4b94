package peers

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// How long an InfluxDB may take to start and to end.
const influxTimeout = 3 * time.Minute

// ErrNoInflux says that there is no InfluxDB to run, and how to get one.
var ErrNoInflux = errors.New("InfluxDB is not installed; install it with: apt-get install -y influxdb")

// The user of an Influx with Authentication.
const (
	InfluxUser     = "tyk"
	InfluxPassword = "secret"
)

// InfluxSettings say how an InfluxDB runs.
type InfluxSettings struct {
	// Authentication asks for InfluxUser and InfluxPassword.
	Authentication bool
	// MaxBodyBytes bounds a request; 0 is InfluxDB's default.
	MaxBodyBytes int
}

// Influx is a running InfluxDB 1 on a loopback port.
type Influx struct {
	server
	dir      string
	settings InfluxSettings
}

// StartInflux starts an InfluxDB for a test and ends it with the test.
func StartInflux(tb testing.TB, settings InfluxSettings) *Influx {
	tb.Helper()
	i, err := NewInflux(tb.Context(), settings)
	if err != nil {
		tb.Fatalf("start an InfluxDB: %v", err)
	}
	tb.Cleanup(i.Close)
	return i
}

// NewInflux starts an InfluxDB; ctx bounds only the start. It fails with ErrNoInflux
// where none is installed. Close ends it.
func NewInflux(ctx context.Context, settings InfluxSettings) (*Influx, error) {
	program, err := exec.LookPath("influxd")
	if err != nil {
		return nil, ErrNoInflux
	}
	i := &Influx{settings: settings}
	if i.dir, err = os.MkdirTemp("", "peer-influx-"); err != nil {
		return nil, fmt.Errorf("make InfluxDB's directory: %w", err)
	}
	i.server = server{
		startTimeout: influxTimeout, stopTimeout: influxTimeout,
		run: func(ctx context.Context) (*Process, error) { return i.execute(ctx, program) },
	}
	err = i.begin(ctx)
	if err == nil && settings.Authentication {
		_, err = i.Query(ctx, "", fmt.Sprintf(`CREATE USER %s WITH PASSWORD '%s' WITH ALL PRIVILEGES`, InfluxUser, InfluxPassword))
	}
	if err != nil {
		i.Close()
		return nil, err
	}
	return i, nil
}

// URL is where it listens.
func (i *Influx) URL() string { return "http://" + i.Addr() }

func (i *Influx) execute(ctx context.Context, program string) (*Process, error) {
	file := filepath.Join(i.dir, "influxdb.conf")
	config := fmt.Sprintf(`reporting-disabled = true
bind-address = "%s:0"
[meta]
  dir = %q
[data]
  dir = %q
  wal-dir = %q
[http]
  bind-address = %q
  auth-enabled = %t
  max-body-size = %d
[monitor]
  store-enabled = false
`, Loopback, filepath.Join(i.dir, "meta"), filepath.Join(i.dir, "data"), filepath.Join(i.dir, "wal"), i.Addr(),
		i.settings.Authentication, cmp.Or(i.settings.MaxBodyBytes, 25_000_000))
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return nil, fmt.Errorf("write InfluxDB's configuration: %w", err)
	}
	process, err := StartProcess(exec.Command(program, "run", "-config", file)) //nolint:gosec // the program that was looked for
	if err != nil {
		return nil, err
	}
	if err := i.waitPing(ctx, process); err != nil {
		process.Kill()
		if strings.Contains(process.Output(), "address already in use") {
			return nil, fmt.Errorf("start InfluxDB on %s: %w", i.Addr(), errPortTaken)
		}
		return nil, err
	}
	return process, nil
}

// waitPing waits until the server answers.
func (i *Influx) waitPing(ctx context.Context, process *Process) error {
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, i.URL()+"/ping", http.NoBody)
		if err != nil {
			return err
		}
		if response, err := http.DefaultClient.Do(request); err == nil {
			_ = response.Body.Close() // has nothing
			return nil
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-process.Done():
			return process.failure("ended before it answered", process.Err())
		case <-ctx.Done():
			return process.failure("did not answer", ctx.Err())
		}
	}
}

// Stop ends the server in good order; Start starts it again with its data.
func (i *Influx) Stop(ctx context.Context) error { return i.end(ctx, syscall.SIGTERM) }

// Close ends the server and removes its data.
func (i *Influx) Close() {
	_ = i.end(context.Background(), syscall.SIGKILL) // nothing survives that
	if i.dir != "" {
		_ = os.RemoveAll(i.dir) // a leftover in the temporary directory harms nobody
	}
}

// InfluxSeries is one of a query's results.
type InfluxSeries struct {
	// Name is the measurement.
	Name string `json:"name"`
	// Tags are those that the query groups by.
	Tags map[string]string `json:"tags"`
	// Columns name what is in each of Values; numbers are json.Number.
	Columns []string `json:"columns"`
	Values  [][]any  `json:"values"`
}

// Query runs statements in a database, which may be empty for those that need none. Times
// are in nanoseconds.
func (i *Influx) Query(ctx context.Context, database, statements string) ([]InfluxSeries, error) {
	form := url.Values{"db": {database}, "q": {statements}, "epoch": {"ns"}}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, i.URL()+"/query", strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if i.settings.Authentication {
		request.SetBasicAuth(InfluxUser, InfluxPassword)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }() // after it was read
	var answer struct {
		Error   string `json:"error"`
		Results []struct {
			Error  string         `json:"error"`
			Series []InfluxSeries `json:"series"`
		} `json:"results"`
	}
	decoder := json.NewDecoder(response.Body)
	decoder.UseNumber()
	if err := decoder.Decode(&answer); err != nil {
		return nil, fmt.Errorf("read the answer to %q: %w", statements, err)
	}
	var all []InfluxSeries
	for _, result := range answer.Results {
		answer.Error += result.Error
		all = append(all, result.Series...)
	}
	if answer.Error != "" {
		return nil, fmt.Errorf("query %q: %s", statements, answer.Error)
	}
	return all, nil
}
