package tykmongoexporter

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tykmongoexporter/internal/metadata"
)

func TestConfigIsRead(t *testing.T) {
	t.Parallel()
	content, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
	require.NoError(t, err)
	storage := component.MustNewIDWithName("file_storage", "tyk")

	all := createDefaultConfig().(*Config)
	all.URI = "mongodb://tyk:secret@db.example:27017/tyk_analytics?replicaSet=rs0"
	all.TLS.Insecure = false
	all.TLS.CAFile, all.TLS.CertFile, all.TLS.KeyFile = "/etc/mongo/ca.crt", "/etc/mongo/client.pem", "/etc/mongo/client.pem"
	all.AllowInvalidHostnames = true
	all.DatabaseType = AWSDocumentDB
	all.Collections = CollectionsConfig{
		Requests:      CollectionConfig{Enabled: true, Name: "tyk_analytics_eu"},
		Organisations: OrganisationsConfig{Enabled: true},
		Graph:         CollectionConfig{Enabled: true, Name: "my_graph"},
		MCP:           CollectionConfig{Enabled: true, Name: "my_mcp"},
		Uptime:        CollectionConfig{Enabled: true, Name: "my_uptime"},
		Aggregates:    AggregatesConfig{Enabled: true, UseMixedCollection: true},
		MCPAggregates: AggregatesConfig{Enabled: true, UseMixedCollection: true},
	}
	all.OmitIndexCreation = true
	all.CollectionCapEnable = true
	all.CollectionCapMaxSizeBytes = 1 << 30
	all.MaxInsertBatchSizeBytes = 80000
	all.MaxDocumentSizeBytes = 20112
	all.Retention = 48 * time.Hour
	all.Timeout.Timeout = 15 * time.Second
	all.Retry = configretry.NewDefaultBackOffConfig()
	all.Retry.InitialInterval = time.Second
	all.Retry.RandomizationFactor = 0.3
	all.Retry.Multiplier = 2
	all.Retry.MaxInterval = 20 * time.Second
	all.Retry.MaxElapsedTime = 0
	queue := all.Queue.GetOrInsertDefault()
	queue.QueueSize = 32
	queue.NumConsumers = 8

	stored := createDefaultConfig().(*Config)
	stored.URI = "mongodb+srv://tyk:secret@cluster.example/tyk_analytics?srvMaxHosts=3"
	kept := stored.Queue.GetOrInsertDefault()
	kept.WaitForResult = false
	kept.StorageID = &storage

	for name, want := range map[string]*Config{"": createDefaultConfig().(*Config), "all": all, "storage": stored} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sub, err := content.Sub(component.NewIDWithName(metadata.Type, name).String())
			require.NoError(t, err)
			got := NewFactory().CreateDefaultConfig().(*Config)
			require.NoError(t, sub.Unmarshal(got))
			require.NoError(t, confmap.Validate(got))
			assert.Equal(t, want, got)
		})
	}
}

func TestConfigThatCannotWorkIsRefused(t *testing.T) {
	t.Parallel()
	const noURI = "uri: the value (not shown, it may hold a password) is not a MongoDB connection string such as " +
		"mongodb://user:password@host:27017/tyk_analytics; percent-encode the characters : / ? # [ ] @ % in user and password"
	for name, c := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"no uri": {
			func(c *Config) { c.URI = "" },
			"uri: the value (not shown, it may hold a password) must begin with mongodb:// or mongodb+srv://",
		},
		"a uri of another database": {
			func(c *Config) { c.URI = "postgres://tyk:s3cret@host/db" },
			"uri: the value (not shown, it may hold a password) must begin with mongodb:// or mongodb+srv://",
		},
		"a password that is not encoded": {func(c *Config) { c.URI = "mongodb://tyk:s3/cr@et@host/db" }, noURI},
		"an option that is none":         {func(c *Config) { c.URI = "mongodb://host/db?replicaSet" }, noURI},
		"a mechanism without its source": {func(c *Config) { c.URI = "mongodb://u:p@host/db?authMechanism=MONGODB-X509" }, noURI},
		"no database": {
			func(c *Config) { c.URI = "mongodb://tyk:s3cret@host/?replicaSet=rs" },
			"uri: names no database: append it to the hosts, as in mongodb://host:27017/tyk_analytics",
		},
		"writes without an answer": {
			func(c *Config) { c.URI = "mongodb+srv://host/db?w=0" },
			"uri: w=0 asks for no answer, so that nobody would know what is stored: leave w out, which means majority",
		},
		"TLS twice": {
			func(c *Config) { c.URI, c.TLS.Insecure = "mongodb://host/db?tls=true", false },
			"tls: the uri has TLS options too: use either those or tls",
		},
		"names of no certificate": {
			func(c *Config) { c.AllowInvalidHostnames = true },
			"mongo_ssl_allow_invalid_hostnames: has no meaning without tls: set tls::insecure: false, and tls::ca_file where the authority is your own",
		},
		"an unknown database": {
			func(c *Config) { c.DatabaseType = 3 },
			"mongo_db_type: 3 is unknown: use 0 for MongoDB, 1 for Amazon DocumentDB or 2 for Azure Cosmos DB",
		},
		"a cap of nothing": {
			func(c *Config) { c.CollectionCapEnable, c.CollectionCapMaxSizeBytes = true, 0 },
			"collection_cap_max_size_bytes: 0 must be 1 or more, or collection_cap_enable false",
		},
		"sizes": {
			func(c *Config) { c.MaxInsertBatchSizeBytes, c.MaxDocumentSizeBytes = 0, 1<<24+1 },
			"max_insert_batch_size_bytes: 0 must be from 1 to 16777216, the largest command that the databases take\n" +
				"max_document_size_bytes: 16777217 must be from 1024 to 16777216, the largest document that the databases take",
		},
		"a short memory": {
			func(c *Config) { c.Retention = time.Hour },
			"retention: 1h0m0s is too short for a redelivery after an outage to be recognised: use 2h0m0s or more, or 0 to remember for ever",
		},
		"no name": {
			func(c *Config) { c.Collections.Requests.Name = "" },
			`collections: requests::name: "" is not a collection's name: use 1 to 190 bytes without "$" and NUL that do not begin with "system."`,
		},
		"an organisation's name": {
			func(c *Config) { c.Collections.Requests.Name = "z_tyk_analyticz_x" },
			`collections: requests::name: "z_tyk_analyticz_x" could be a collection of an organisation or of rollups: use another name`,
		},
		"a name of rollups": {
			func(c *Config) { c.Collections.Requests.Name = "tyk_analytics_aggregates" },
			`collections: requests::name: "tyk_analytics_aggregates" could be a collection of an organisation or of rollups: use another name`,
		},
		"a mixed collection alone": {
			func(c *Config) { c.Collections.Aggregates.UseMixedCollection = true },
			`collections: aggregates::use_mixed_collection: has no meaning without aggregates::enabled: set that to true too`,
		},
		"one collection for two": {
			func(c *Config) { c.Collections.Graph = CollectionConfig{Enabled: true, Name: "tyk_analytics"} },
			`collections: graph::name: "tyk_analytics" is also the name of requests: each has documents of its own kind, so use another name`,
		},
		"nothing to write": {
			func(c *Config) { c.Collections.Requests.Enabled = false },
			`collections: no collection is enabled, so nothing would be stored: enable requests, organisations, graph, mcp, uptime, aggregates or mcp_aggregates`,
		},
		"a queue in memory that does not wait": {
			func(c *Config) { c.Queue.GetOrInsertDefault().WaitForResult = false },
			`sending_queue::wait_for_result: false loses the records that wait in memory when the collector ends: use true, or set storage`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := createDefaultConfig().(*Config)
			c.change(config)
			require.EqualError(t, confmap.Validate(config), c.want)
		})
	}
}
