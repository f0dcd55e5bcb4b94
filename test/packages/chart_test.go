//go:build packages

package packages

import (
	"bytes"
	"errors"
	"io"
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

// render makes the manifests of the chart, as text and read.
func render(tb testing.TB, args ...string) (string, map[string]manifest) {
	tb.Helper()
	text := command(tb, tool(tb, "helm"), append([]string{"template", "tyk", chart(tb)}, args...)...)
	all := map[string]manifest{}
	decoder := yaml.NewDecoder(strings.NewReader(text))
	for {
		var m manifest
		err := decoder.Decode(&m)
		if errors.Is(err, io.EOF) {
			return text, all
		}
		require.NoError(tb, err, text)
		if m.Kind != "" {
			all[m.Kind] = m
		}
	}
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

// TestTheChartIsValidForEachValueFile lints, renders, holds the manifests against schemas, and has the collector validate
// what it would be started with.
func TestTheChartIsValidForEachValueFile(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(chart(t), "ci", "*-values.yaml"))
	require.NoError(t, err)
	require.Len(t, files, 8)
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), "-values.yaml")
		t.Run(name, func(t *testing.T) {
			command(t, tool(t, "helm"), "lint", "--strict", chart(t), "--values", file)
			text, all := render(t, "--values", file)
			rendered := filepath.Join(t.TempDir(), "manifests.yaml")
			require.NoError(t, os.WriteFile(rendered, []byte(text), 0o600))
			command(t, tool(t, "kubeconform"), "-strict", "-schema-location",
				filepath.Join(repository(t), "test", "packages", "testdata", "schemas", "{{ .ResourceKind }}{{ .KindSuffix }}.json"), rendered)
			config := validate(t, all)
			assert.Contains(t, config, "0.0.0.0:13133", "the kubelet asks there")
			assert.Contains(t, config, "port: 8888", "Prometheus asks there")
			assert.Contains(t, all["Deployment"].Spec.Template.Metadata.Annotations, "checksum/config")
			for _, want := range inManifests[name] {
				assert.Contains(t, text, want)
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

// TestTheChartRefusesWhatCannotWork says why.
func TestTheChartRefusesWhatCannotWork(t *testing.T) {
	for set, want := range map[string]string{
		"terminationGracePeriodSeconds=15":                  "is less than shutdownTimeoutSeconds",
		"backend={kafka}":                                   `"kafka" is not one of prometheus`,
		"backend={hybrid}":                                  "hybridPump.connectionString names the MDCB",
		"backend={postgres}":                                "set postgres.existingSecret.name",
		"backend={prometheus},pumpConf=x":                   "use one of them",
		"autoscaling.enabled=true,keda.enabled=true":        "use one of them",
		"serviceMonitor.enabled=true,service.enabled=false": "needs service.enabled: true",
		"sql.existingSecret.name=":                          "set sql.existingSecret.name",
	} {
		out, err := try(t, nil, tool(t, "helm"), "template", "tyk", chart(t), "--set", set)
		require.Error(t, err, set)
		assert.Contains(t, out, want, set)
	}
}

// TestAChangedConfigurationMakesNewPods compares the annotation.
func TestAChangedConfigurationMakesNewPods(t *testing.T) {
	checksum := func(args ...string) string {
		_, all := render(t, args...)
		return all["Deployment"].Spec.Template.Metadata.Annotations["checksum/config"]
	}
	assert.Equal(t, checksum(), checksum("--set", "replicaCount=3"))
	assert.NotEqual(t, checksum(), checksum("--set", "redis.addresses={other:6379}"))
	assert.NotEqual(t, checksum("--set-json", `pumpConf={"pumps":{}}`), checksum("--set-json", `pumpConf={"pumps":{"a":{}}}`))
}

// TestTheChartHasTheVersionOfTheDistribution so that there is one.
func TestTheChartHasTheVersionOfTheDistribution(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(chart(t), "Chart.yaml"))
	require.NoError(t, err)
	assert.Contains(t, string(text), "\nversion: "+version(t)+"\nappVersion: "+version(t)+"\n")
}
