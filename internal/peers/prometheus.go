package peers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// How long a Prometheus may take to start.
const prometheusStartTimeout = 3 * time.Minute

// ErrNoPrometheus says that there is no Prometheus to run, and how to get one.
var ErrNoPrometheus = errors.New("Prometheus is not installed; install it with: apt-get install -y prometheus")

// PrometheusSettings say what a Prometheus scrapes.
type PrometheusSettings struct {
	// Targets are host:port by job.
	Targets map[string]string
	// Interval lies between two scrapes of a target.
	Interval time.Duration
	// Rules are rule files.
	Rules []string
	// RemoteWrite is true for one that also takes what is pushed to /api/v1/write.
	RemoteWrite bool
}

// Prometheus is a running Prometheus on a loopback port.
type Prometheus struct {
	server
	dir      string
	settings PrometheusSettings
}

// StartPrometheus starts a Prometheus for a test and ends it with the test.
func StartPrometheus(tb testing.TB, settings PrometheusSettings) *Prometheus {
	tb.Helper()
	p, err := NewPrometheus(tb.Context(), settings)
	if err != nil {
		tb.Fatalf("start a Prometheus: %v", err)
	}
	tb.Cleanup(p.Close)
	return p
}

// NewPrometheus starts a Prometheus; ctx bounds only the start. It fails with
// ErrNoPrometheus where none is installed. Close ends it.
func NewPrometheus(ctx context.Context, settings PrometheusSettings) (*Prometheus, error) {
	program, err := exec.LookPath("prometheus")
	if err != nil {
		return nil, ErrNoPrometheus
	}
	p := &Prometheus{settings: settings}
	if p.dir, err = os.MkdirTemp("", "peer-prometheus-"); err != nil {
		return nil, fmt.Errorf("make Prometheus' directory: %w", err)
	}
	p.server = server{
		startTimeout: prometheusStartTimeout,
		stopTimeout:  prometheusStartTimeout,
		run:          func(ctx context.Context) (*Process, error) { return p.execute(ctx, program) },
	}
	ctx, cancel := context.WithTimeout(ctx, prometheusStartTimeout)
	defer cancel()
	if err := p.begin(ctx); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

func (p *Prometheus) execute(ctx context.Context, program string) (*Process, error) {
	file := filepath.Join(p.dir, "prometheus.yml")
	if err := os.WriteFile(file, p.configuration(), 0o600); err != nil {
		return nil, fmt.Errorf("write Prometheus' configuration: %w", err)
	}
	args := []string{
		"--config.file=" + file, "--storage.tsdb.path=" + filepath.Join(p.dir, "data"),
		"--web.listen-address=" + p.Addr(), "--enable-feature=exemplar-storage",
	}
	if p.settings.RemoteWrite {
		args = append(args, "--web.enable-remote-write-receiver")
	}
	process, err := StartProcess(exec.Command(program, args...)) //nolint:gosec // the program that was looked for
	if err != nil {
		return nil, err
	}
	if err := process.WaitOutput(ctx, "Server is ready to receive web requests"); err != nil {
		process.Kill()
		if strings.Contains(process.Output(), "address already in use") {
			return nil, fmt.Errorf("start Prometheus on %s: %w", p.Addr(), errPortTaken)
		}
		return nil, err
	}
	return process, nil
}

// configuration is written as JSON, and so as YAML.
func (p *Prometheus) configuration() []byte {
	type object = map[string]any
	jobs := []object{}
	for job, target := range p.settings.Targets {
		jobs = append(jobs, object{"job_name": job, "static_configs": []object{{"targets": []string{target}}}})
	}
	interval := strconv.FormatInt(p.settings.Interval.Milliseconds(), 10) + "ms"
	text, _ := json.Marshal(object{ // which strings and lists of them cannot fail
		"global":     object{"scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": interval},
		"rule_files": p.settings.Rules, "scrape_configs": jobs,
	})
	return text
}

// Close ends the server and removes its data.
func (p *Prometheus) Close() {
	_ = p.end(context.Background(), syscall.SIGKILL) // nothing survives that
	if p.dir != "" {
		_ = os.RemoveAll(p.dir) // a leftover in the temporary directory harms nobody
	}
}

// PrometheusSample is one element of a query's result.
type PrometheusSample struct {
	// Labels are the series', with "__name__".
	Labels map[string]string
	// Value is its value at the time of the query.
	Value float64
}

// Query evaluates an expression as of a time. An error tells what the server said.
func (p *Prometheus) Query(ctx context.Context, expression string, at time.Time) ([]PrometheusSample, error) {
	var result struct {
		ResultType string `json:"resultType"`
		Result     []struct {
			Metric map[string]string `json:"metric"`
			Value  [2]any            `json:"value"`
		} `json:"result"`
	}
	if err := p.Get(ctx, "/api/v1/query", url.Values{"query": {expression}, "time": {at.Format(time.RFC3339Nano)}}, &result); err != nil {
		return nil, fmt.Errorf("query %q: %w", expression, err)
	}
	samples := make([]PrometheusSample, 0, len(result.Result))
	for _, r := range result.Result {
		text, _ := r.Value[1].(string)
		value, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, fmt.Errorf("query %q: %q is not a number", expression, r.Value[1])
		}
		samples = append(samples, PrometheusSample{Labels: r.Metric, Value: value})
	}
	return samples, nil
}

// Get reads the data of an endpoint of Prometheus' HTTP interface.
func (p *Prometheus) Get(ctx context.Context, path string, parameters url.Values, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.Addr()+path+"?"+parameters.Encode(), http.NoBody)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }() // after it was read
	var answer struct {
		Status string          `json:"status"`
		Error  string          `json:"error"`
		Data   json.RawMessage `json:"data"`
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return fmt.Errorf("read the answer of %s: %w", path, err)
	}
	if answer.Status != "success" {
		return fmt.Errorf("status %d: %s", response.StatusCode, answer.Error)
	}
	return json.Unmarshal(answer.Data, into)
}
