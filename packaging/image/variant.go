package main

import (
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

const (
	// user is nobody's: it owns the state's folder, and nothing else.
	user = 65532
	// state is where the shipped configuration stores records, and the only folder that is written to.
	state = "/var/lib/otelcol-tyk"
	// pumpHome is the working directory of Tyk Pump's image.
	pumpHome = "/opt/tyk-pump"
)

// variant is one of the images.
type variant struct {
	tag, version string
	config       v1.Config
}

// variants are the images of a version.
func variants(version string) []variant {
	environment := []string{
		"PATH=/usr/bin",
		"SSL_CERT_FILE=" + certificates,
		"ZONEINFO=" + zones,
		"GOMEMLIMIT=400MiB",
		"GOGC=400",
	}
	own := v1.Config{
		User:       "65532:65532",
		Entrypoint: []string{"/usr/bin/otelcol-tyk"},
		Cmd:        []string{"--config", "/etc/otelcol-tyk/config.yaml"},
		WorkingDir: state,
		Volumes:    map[string]struct{}{state: {}},
		// Others reach a container from outside only on all its addresses.
		Env: append(append([]string{}, environment...), "TYK_HEALTH_ENDPOINT=0.0.0.0:13133", "TYK_METRICS_HOST=0.0.0.0",
			"TYK_OTLP_GRPC_ENDPOINT=0.0.0.0:4317", "TYK_OTLP_HTTP_ENDPOINT=0.0.0.0:4318"),
		ExposedPorts: map[string]struct{}{"4317/tcp": {}, "4318/tcp": {}, "8888/tcp": {}, "13133/tcp": {}},
		Healthcheck:  health("/usr/bin/tykctl", "ready"),
	}
	pump := v1.Config{
		User:         own.User,
		Entrypoint:   []string{pumpHome + "/tyk-pump"},
		Cmd:          []string{"--conf=" + pumpHome + "/pump.conf"},
		WorkingDir:   pumpHome,
		Volumes:      own.Volumes,
		Env:          environment,
		ExposedPorts: map[string]struct{}{"8083/tcp": {}},
		Healthcheck:  health("/usr/bin/tykctl", "ready", "-url", "http://localhost:8083/ready"),
	}
	return []variant{{tag: version, version: version, config: own}, {tag: version + "-pump", version: version, config: pump}}
}

// health is a check by a program of the image, which has no shell.
func health(command ...string) *v1.HealthConfig {
	return &v1.HealthConfig{
		Test:     append([]string{"CMD"}, command...),
		Interval: 20 * time.Second, Timeout: 6 * time.Second, StartPeriod: 30 * time.Second, Retries: 3,
	}
}

// labels say what an image is, in OCI's names.
func (v variant) labels(created time.Time) map[string]string {
	const home = "https://github.com/otelcol-tyk/otelcol-tyk"
	return map[string]string{
		"org.opencontainers.image.title":         "otelcol-tyk",
		"org.opencontainers.image.description":   "OpenTelemetry Collector for the analytics of Tyk Gateway",
		"org.opencontainers.image.version":       v.version,
		"org.opencontainers.image.created":       created.Format(time.RFC3339),
		"org.opencontainers.image.url":           home,
		"org.opencontainers.image.source":        home,
		"org.opencontainers.image.documentation": home + "/blob/main/docs/install.md",
		"org.opencontainers.image.licenses":      "Apache-2.0",
		"org.opencontainers.image.vendor":        "otelcol-tyk authors",
	}
}
