package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"text/template"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

// collector is a running one.
type collector struct {
	*peers.Process
	pprof   string // the address of its profiles; empty where there are none
	metrics string // the address of its own metrics; empty where there are none
	// profiles is the beginning of the names of the files that profiles go to; empty
	// where none are written.
	profiles string
}

// configuration is the shipped one's path from Redis to a store, with a destination
// in SQLite's place, or with several, each in a group of its own.
var configuration = template.Must(template.New("config").Parse(`
receivers:
{{- range $i, $_ := .Pipelines}}
  tykredis/{{$i}}: { {{- with .Receiver}}{{.}}, {{end}}group: "g{{$i}}", addresses: ["{{$.Redis}}"], metrics: {presets: [tyk_pump], interval: 1s}}
{{- end}}
processors:
  tykfilter:
  tykaggregate:
  tykaggregate/paths: {track_all_paths: true}
exporters:
{{- range $i, $_ := .Pipelines}}
  {{.Exporter}}/{{$i}}: {{.Config}}
{{- end}}
{{- if or .Pprof .Console}}
extensions:
{{- with .Pprof}}
  pprof: {endpoint: "{{.}}"{{with $.Profiles}}, save_to_file: "{{.}}.cpu.pprof"{{end}}}
{{- end}}
{{- with .Console}}
  tykconsole: {endpoint: "{{.}}", store: {exporter: tyksql/0}}
{{- end}}
{{- end}}
service:
  extensions: [{{if .Pprof}}pprof{{end}}{{if and .Pprof .Console}}, {{end}}{{if .Console}}tykconsole{{end}}]
  telemetry:
    metrics: {{if .Host}}{readers: [{pull: {exporter: {prometheus: {host: "{{.Host}}", port: {{.Port}}}}}}]}{{else}}{level: none}{{end}}
  pipelines:
{{- range $i, $_ := .Pipelines}}
    {{.Signal}}/{{$i}}: {receivers: [tykredis/{{$i}}], processors: [{{.Processors}}], exporters: [{{.Exporter}}/{{$i}}]}
{{- end}}
`))

// collect starts the collector, as make run does, but without metrics of its own.
func (r *rig) collect(ctx context.Context, pipelines ...pipeline) (*collector, error) {
	c := &collector{}
	if r.profiles != "" {
		c.profiles = filepath.Join(r.profiles, r.run)
		if err := freeAddress(&c.pprof); err != nil {
			return nil, err
		}
	}
	return c, r.start(ctx, c, pipelines)
}

// collectWatched starts it with its own metrics, and with what tells of its memory.
func (r *rig) collectWatched(ctx context.Context, pipelines ...pipeline) (*collector, error) {
	c := &collector{}
	if err := errors.Join(freeAddress(&c.pprof), freeAddress(&c.metrics)); err != nil {
		return nil, err
	}
	return c, r.start(ctx, c, pipelines)
}

func freeAddress(address *string) error {
	port, err := peers.FreePort()
	*address = peers.Address(port)
	return err
}

// start runs the collector with the addresses that have been chosen.
func (r *rig) start(ctx context.Context, c *collector, pipelines []pipeline) error {
	type shown struct{ Signal, Receiver, Processors, Exporter, Config string }
	var list []shown
	for _, p := range pipelines {
		list = append(list, shown{p.signal, p.receiver, p.processors, p.exporter, p.config})
	}
	var text strings.Builder
	host, port, _ := strings.Cut(c.metrics, ":")
	data := map[string]any{"Pipelines": list, "Redis": r.redis.Addr(), "Pprof": c.pprof, "Profiles": c.profiles, "Host": host, "Port": port, "Console": r.console}
	if err := configuration.Execute(&text, data); err != nil {
		return err
	}
	path := filepath.Join(r.dir, "config.yaml")
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, r.binary, "--config", path) //nolint:gosec // the collector
	cmd.Env = append(os.Environ(), "GOMEMLIMIT="+r.memLimit, "GOGC="+r.gogc)
	var err error
	c.Process, err = peers.StartProcess(cmd)
	return err
}

// ready waits until it has started.
func (c *collector) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	return c.WaitOutput(ctx, "Everything is ready")
}

// failed tells that it has ended, which it should not by itself.
func (c *collector) failed() error {
	select {
	case <-c.Done():
		return fmt.Errorf("the collector ended; its last lines:\n%s", peers.LastLines(c.Output(), 20))
	default:
		return nil
	}
}

// finish ends it, after its allocations were written where profiles are wanted.
func (c *collector) finish(ctx context.Context) error {
	if c.profiles != "" {
		if err := c.allocations(ctx); err != nil {
			return err
		}
	}
	return c.Stop(ctx)
}

// allocations writes the profile of all allocations since the start.
func (c *collector) allocations(ctx context.Context) error {
	file, err := os.Create(c.profiles + ".allocs.pprof")
	if err != nil {
		return err
	}
	body, err := get(ctx, "http://"+c.pprof+"/debug/pprof/allocs")
	if err == nil {
		_, err = file.WriteString(body)
	}
	return errors.Join(err, file.Close())
}

// element is what a page has around its words.
var element = regexp.MustCompile(`(?s)<(script|style)\b.*?</(script|style)>|<[^>]*>`)

func get(ctx context.Context, url string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }() // after it was read
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answers %s: %.1000s", url, response.Status, strings.Join(strings.Fields(element.ReplaceAllString(string(body), " ")), " "))
	}
	return string(body), err
}
