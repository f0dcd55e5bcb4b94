//go:build packages

package packages

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// manifest is what of the chart's manifests is looked at.
type manifest struct {
	Kind     string
	Metadata struct{ Name string }
	Data     map[string]string `yaml:"data"`
	Secret   map[string]string `yaml:"stringData"`
	Spec     struct {
		Template struct {
			Metadata struct{ Annotations map[string]string }
			Spec     struct {
				Containers []struct {
					Args []string
					Env  []struct {
						Name, Value string
						ValueFrom   map[string]any `yaml:"valueFrom"`
					}
				}
			}
		}
	}
}

// chart is the folder of the chart.
func chart(tb testing.TB) string {
	tb.Helper()
	return inRepository(tb, "charts", "otelcol-tyk")
}

// parse reads manifests.
func parse(tb testing.TB, text string) map[string]manifest {
	tb.Helper()
	all := map[string]manifest{}
	decoder := yaml.NewDecoder(strings.NewReader(text))
	for {
		var m manifest
		err := decoder.Decode(&m)
		if errors.Is(err, io.EOF) {
			return all
		}
		require.NoError(tb, err, text)
		if m.Kind != "" {
			all[m.Kind] = m
		}
	}
}

// valueFiles are those of the chart, by their names.
func valueFiles(tb testing.TB) map[string]string {
	tb.Helper()
	paths, err := filepath.Glob(filepath.Join(chart(tb), "ci", "*-values.yaml"))
	require.NoError(tb, err)
	require.Len(tb, paths, 8)
	files := map[string]string{}
	for _, path := range paths {
		files[strings.TrimSuffix(filepath.Base(path), "-values.yaml")] = path
	}
	return files
}

// renderings is where what the chart makes of its value files is committed, since Helm takes too long to build for each
// run. chart.sha256 there says of which chart they are.
func renderings(tb testing.TB) string {
	tb.Helper()
	return inRepository(tb, "test", "packages", "testdata", "manifests")
}

// chartDigest is that of all that Helm renders.
func chartDigest(tb testing.TB) string {
	tb.Helper()
	digest := sha256.New()
	require.NoError(tb, filepath.WalkDir(chart(tb), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) == ".md" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(chart(tb), path)
		fmt.Fprintf(digest, "%s %d\n%s", name, len(text), text)
		return err
	}))
	return fmt.Sprintf("%x\n", digest.Sum(nil))
}

// conform holds manifests against their schemas, which allow no unknown keys.
func conform(t *testing.T, file string) (string, error) {
	t.Helper()
	schemas := inRepository(t, "test", "packages", "testdata", "schemas")
	return try(t, nil, tool(t, "kubeconform"), "-strict", "-schema-location", filepath.Join(schemas, "{{ .ResourceKind }}{{ .KindSuffix }}.json"), file)
}

// secrets are what a cluster would have put into variables.
var secrets = map[string]string{
	"TYK_SQL_DATASOURCE":                               "host=postgres dbname=tyk user=tyk password=s3cret",
	"TYK_PMP_PUMPS_SQL_META_CONNECTIONSTRING":          "host=postgres dbname=tyk user=tyk password=s3cret",
	"TYK_PMP_PUMPS_SQLAGGREGATE_META_CONNECTIONSTRING": "host=postgres dbname=tyk user=tyk password=s3cret",
	"TYK_PMP_UPTIMEPUMPCONFIG_CONNECTIONSTRING":        "host=postgres dbname=tyk user=tyk password=s3cret",
	"TYK_PMP_PUMPS_MONGO_META_MONGOURL":                "mongodb://mongo/tyk_analytics",
	"TYK_PMP_PUMPS_MONGOAGGREGATE_META_MONGOURL":       "mongodb://mongo/tyk_analytics",
	"TYK_PMP_PUMPS_MONGOSELECTIVE_META_MONGOURL":       "mongodb://mongo/tyk_analytics",
}

// validate has the collector judge what a rendered deployment starts it with, and gives its configuration.
func validate(t *testing.T, all map[string]manifest) string {
	t.Helper()
	dir := t.TempDir()
	files := map[string]string{
		"/etc/otelcol-tyk/config.yaml": all["ConfigMap"].Data["config.yaml"],
		"/opt/tyk-pump/pump.conf":      all["Secret"].Secret["pump.conf"],
		"/opt/tyk-pump/pump.json": `{"analytics_storage_type": "redis", "dont_purge_uptime_data": true, "pumps": {
			"csv": {"type": "csv", "meta": {"csv_dir": "/var/lib/otelcol-tyk/csv"}}}}`,
	}
	container := all["Deployment"].Spec.Template.Spec.Containers[0]
	args := []string{"print-config", "--feature-gates=otelcol.printInitialConfig"}
	check := []string{"validate"}
	for _, arg := range container.Args {
		for name, text := range files {
			if !strings.Contains(arg, name) {
				continue
			}
			file := filepath.Join(dir, filepath.Base(name))
			require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
			arg = strings.ReplaceAll(arg, name, file)
		}
		args, check = append(args, arg), append(check, arg)
	}
	env := []string{"PATH=" + os.Getenv("PATH")}
	for _, variable := range container.Env {
		value := variable.Value
		if variable.ValueFrom != nil {
			value = "from-a-secret"
			if secret, ok := secrets[variable.Name]; ok {
				value = secret
			}
		}
		env = append(env, variable.Name+"="+value)
	}
	run := func(args []string) string {
		cmd := exec.CommandContext(t.Context(), program(t, "otelcol-tyk"), args...)
		cmd.Env, cmd.Dir = env, dir
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		require.NoError(t, cmd.Run(), "%v: %s", args, stderr.String())
		return stdout.String()
	}
	run(check)
	return run(args)
}

// TestManifestsAreValid holds them against schemas, and has the collector validate what it would be started with.
func TestManifestsAreValid(t *testing.T) {
	digest, err := os.ReadFile(filepath.Join(renderings(t), "chart.sha256"))
	require.NoError(t, err)
	require.Equal(t, chartDigest(t), string(digest), "the chart has changed: run `make manifests`")
	for name := range valueFiles(t) {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(renderings(t), name+".yaml")
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			out, err := conform(t, file)
			require.NoError(t, err, out)
			all := parse(t, string(text))
			config := validate(t, all)
			assert.Contains(t, config, "0.0.0.0:13133", "the kubelet asks there")
			assert.Contains(t, config, "port: 8888", "Prometheus asks there")
			assert.Contains(t, all["Deployment"].Spec.Template.Metadata.Annotations, "checksum/config")
			for _, want := range inManifests[name] {
				assert.Contains(t, string(text), want)
			}
		})
	}
}

// inManifests are what value files are about.
var inManifests = map[string][]string{
	"default":              {"kind: PodDisruptionBudget", `prometheus.io/port: "8888"`, "value: 409MiB", "topologyKey: topology.kubernetes.io/zone", "terminationGracePeriodSeconds: 60"},
	"sentinel-tls":         {"master_name: tyk", "insecure: false", "ca_file: /etc/otelcol-tyk/redis-ca/ca.crt", "secretName: redis-tls"},
	"cluster-keda":         {"cluster: true", "kind: ScaledObject", `max(sum by (pod) (otelcol_tykredis_backlog{namespace=\"default\", pod=~\"tyk-otelcol-tyk-.*\"}))`, "kind: PodMonitor", "release: prometheus-stack"},
	"kafka-traces":         {"kind: NetworkPolicy", "kubernetes.io/metadata.name: monitoring", "containerPort: 4317"},
	"pump-conf":            {"kind: Secret", "name: TYK_PMP_ANALYTICSSTORAGECONFIG_PASSWORD", "value: 819MiB"},
	"pump-conf-secret":     {"secretName: tyk-pump", "kind: HorizontalPodAutoscaler", "name: otelcol_tykredis_backlog"},
	"tyk-chart-prometheus": {"kind: ServiceMonitor", "path: /tyk/metrics", "type: NodePort", "TYK_PMP_LOGLEVEL", "containerPort: 9091"},
	"tyk-chart-all":        {"@sha256:0000", "TYK_PMP_PUMPS_MONGOSELECTIVE_TYPE", "TYK_PMP_PUMPS_HYBRID_META_APIKEY", "TYK_PMP_UPTIMEPUMPCONFIG_CONNECTIONSTRING"},
}

// TestManifestsOfTheExamplesAreValid holds for those without a chart.
func TestManifestsOfTheExamplesAreValid(t *testing.T) {
	files, err := filepath.Glob(inRepository(t, "examples", "kubernetes") + "/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		out, err := conform(t, file)
		require.NoError(t, err, out)
	}
}

// TestSchemasRefuseUnknownKeys so that those above say something.
func TestSchemasRefuseUnknownKeys(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(renderings(t), "default.yaml"))
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "manifests.yaml")
	wrong := strings.Replace(string(text), "terminationGracePeriodSeconds:", "terminationGracePeriod:", 1)
	require.NoError(t, os.WriteFile(file, []byte(wrong), 0o600))
	out, err := conform(t, file)
	require.Error(t, err)
	assert.Contains(t, out, "terminationGracePeriod")
}

// TestTheChartHasTheVersionOfTheDistribution so that there is one.
func TestTheChartHasTheVersionOfTheDistribution(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(chart(t), "Chart.yaml"))
	require.NoError(t, err)
	assert.Contains(t, string(text), "\nversion: "+version(t)+"\nappVersion: "+version(t)+"\n")
}
