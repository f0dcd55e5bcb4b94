//go:build packages

package packages

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// composition is what of the Compose file is looked at.
type composition struct {
	Services map[string]struct {
		Image       string
		Command     []string
		Environment map[string]string
		Ports       []struct {
			HostIP string `json:"host_ip"`
		}
		Volumes []struct{ Type, Source, Target string }
	}
}

// TestTheCompositionIsValid holds it against the specification, and each service's configuration against its program,
// where that is here.
func TestTheCompositionIsValid(t *testing.T) {
	folder := inRepository(t, "examples", "compose")
	// It takes paths to be relative to where it runs.
	out, err := try(t, nil, "sh", "-c", `cd "$1" && exec "$2" -format json -no-interpolation compose.yaml`, "sh", folder, tool(t, "compose"))
	require.NoError(t, err, out)
	var c composition
	require.NoError(t, json.Unmarshal([]byte(out), &c), out)

	mounted := map[string]string{} // the file, by the service and what it is there
	for name, service := range c.Services {
		for _, port := range service.Ports {
			assert.Equal(t, "127.0.0.1", port.HostIP, "%s is for this host", name)
		}
		for _, volume := range service.Volumes {
			if volume.Type == "bind" {
				_, err := os.Stat(volume.Source)
				require.NoError(t, err, name)
				mounted[name+":"+volume.Target] = volume.Source
			}
		}
	}
	assert.Equal(t, "ghcr.io/otelcol-tyk/otelcol-tyk:"+version(t), c.Services["otelcol-tyk"].Image)

	assert.Contains(t, c.Services["gateway"].Environment["TYK_GW_SECRET"], "${TYK_GATEWAY_SECRET:?", "no password has a default")
	assert.Contains(t, c.Services["grafana"].Environment["GF_SECURITY_ADMIN_PASSWORD"], "${GRAFANA_PASSWORD:?")

	var env []string
	for name, value := range c.Services["otelcol-tyk"].Environment {
		if strings.HasPrefix(value, "${") {
			value = "from .env"
		}
		env = append(env, name+"="+value)
	}
	assert.Contains(t, c.Services["otelcol-tyk"].Environment["CONSOLE_PASSWORD"], "${CONSOLE_PASSWORD:?")
	arguments := []string{"validate"}
	for _, argument := range c.Services["otelcol-tyk"].Command {
		if file, isFile := mounted["otelcol-tyk:"+argument]; isFile {
			argument = file
		}
		arguments = append(arguments, argument)
	}
	require.Len(t, arguments, 5)
	out, err = try(t, env, program(t, "otelcol-tyk"), arguments...)
	require.NoError(t, err, out)

	prometheus := t.TempDir()
	for _, name := range []string{"prometheus.yml", "otelcol-tyk.rules.yaml"} {
		text, err := os.ReadFile(mounted["prometheus:/etc/prometheus/"+name])
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(prometheus, name), text, 0o600))
	}
	command(t, tool(t, "promtool"), "check", "config", filepath.Join(prometheus, "prometheus.yml"))

	// Grafana is not here: what its files name is compared with what is mounted.
	var dashboards struct {
		Providers []struct{ Options struct{ Path string } }
	}
	text, err := os.ReadFile(mounted["grafana:/etc/grafana/provisioning/dashboards/otelcol-tyk.yml"])
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(text, &dashboards))
	boards, err := filepath.Glob(filepath.Join(mounted["grafana:"+dashboards.Providers[0].Options.Path], "*.json"))
	require.NoError(t, err)
	assert.GreaterOrEqual(t, len(boards), 4)
	var sources struct{ Datasources []struct{ URL string } }
	text, err = os.ReadFile(mounted["grafana:/etc/grafana/provisioning/datasources/otelcol-tyk.yml"])
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(text, &sources))
	host, _, _ := strings.Cut(strings.TrimPrefix(sources.Datasources[0].URL, "http://"), ":")
	assert.Contains(t, c.Services, host)

	// The gateway is not here either: its API definition is read.
	text, err = os.ReadFile(filepath.Join(mounted["gateway:/opt/tyk-gateway/apps"], "example.json"))
	require.NoError(t, err)
	assert.True(t, json.Valid(text))
}
