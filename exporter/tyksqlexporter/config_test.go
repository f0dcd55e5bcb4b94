package tyksqlexporter

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/config/configtls"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"
	"go.opentelemetry.io/collector/exporter/exporterhelper"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/metadata"
)

func TestConfigIsRead(t *testing.T) {
	t.Parallel()
	content, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
	require.NoError(t, err)
	storage := component.MustNewIDWithName("file_storage", "tyk")

	all := createDefaultConfig().(*Config)
	all.Driver = "postgres"
	all.Datasource = "postgres://tyk:secret@db.example:5432/tyk_analytics?sslmode=verify-full"
	all.Tables = TablesConfig{
		Requests: TableConfig{Enabled: true, Name: "tyk_analytics_eu"},
		Graph:    TableConfig{Enabled: true, Name: "my_graph"},
		MCP:      TableConfig{Enabled: true, Name: "my_mcp"},
		Uptime:   TableConfig{Enabled: true, Name: "my_uptime"},

		Aggregated:      TableConfig{Enabled: true, Name: "my_aggregated"},
		GraphAggregated: TableConfig{Enabled: true, Name: "my_graph_aggregated"},
		MCPAggregated:   TableConfig{Enabled: true, Name: "my_mcp_aggregated"},
		Latency:         TableConfig{Enabled: true, Name: "my_latency"},
	}
	all.TableSharding = true
	all.RetentionDays = 90
	all.Timezone = "America/New_York"
	all.MaxOpenConns = 20
	all.Postgres.PreferSimpleProtocol = true
	all.Ledger = LedgerConfig{Retention: 72 * time.Hour, PruneInterval: 10 * time.Minute}
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

	mysql := createDefaultConfig().(*Config)
	mysql.Driver = "mysql"
	mysql.Datasource = "tyk:secret@tcp(db.example:3306)/tyk_analytics?loc=Europe%2FBerlin"
	mysql.MySQL.TLS = configoptional.Some(configtls.ClientConfig{Config: configtls.Config{CAFile: "testdata/ca.pem"}})

	stored := createDefaultConfig().(*Config)
	stored.Driver = "postgres"
	stored.Datasource = "host=db.example dbname=tyk_analytics user=tyk password=secret"
	kept := stored.Queue.GetOrInsertDefault()
	kept.WaitForResult = false
	kept.StorageID = &storage

	direct := createDefaultConfig().(*Config)
	direct.Indexes = true
	direct.Datasource = "file:/var/lib/otelcol-tyk/tyk.db"

	for name, want := range map[string]*Config{"": createDefaultConfig().(*Config), "all": all, "mysql": mysql, "storage": stored, "direct": direct} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sub, err := content.Sub(component.NewIDWithName(metadata.Type, name).String())
			require.NoError(t, err)
			got := NewFactory().CreateDefaultConfig().(*Config)
			require.NoError(t, sub.Unmarshal(got))
			require.NoError(t, confmap.Validate(got))
			if name == "direct" {
				assert.False(t, got.Queue.HasValue())
				got.Queue = want.Queue
			}
			assert.Equal(t, want, got)
		})
	}
}

func TestDefaultsLoseNothing(t *testing.T) {
	t.Parallel()
	config := createDefaultConfig().(*Config)
	require.NoError(t, confmap.Validate(config))
	assert.True(t, config.Retry.Enabled)
	assert.Zero(t, config.Retry.MaxElapsedTime, "retries without end")
	assert.False(t, config.Queue.HasValue())
	queue := config.Queue.GetOrInsertDefault()
	assert.True(t, queue.WaitForResult)
	assert.True(t, queue.BlockOnOverflow)
	assert.False(t, queue.Batch.HasValue())
}

// unescaped shows nothing of the password.
const unescaped = "datasource: the value (not shown, it may hold a password) is a URL with an @ behind its host, or several: " +
	"write those of the password and others of its characters in percent form (@ %40, / %2F, ? %3F, # %23, : %3A)"

func TestConfigThatLosesOrDoublesRecordsIsRefused(t *testing.T) {
	t.Parallel()
	storage := component.MustNewID("file_storage")
	for name, c := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"indexes and none": {
			func(c *Config) { c.Indexes, c.OmitIndexCreation = true, true },
			`indexes: has no meaning with omit_index_creation, which makes none: remove one of them`,
		},
		"unknown driver": {
			func(c *Config) { c.Driver = "oracle" },
			`driver: "oracle" is not one of "postgres", "mysql", "sqlite"`,
		},
		"a datasource in the place of the driver": {
			func(c *Config) { c.Driver = "postgres://u:s3cret@h/d" },
			`driver: "postgres://h/d" is not one of "postgres", "mysql", "sqlite"`,
		},
		"no datasource": {
			func(c *Config) { c.Datasource = "" },
			`datasource: is empty: set a PostgreSQL DSN or URL, a MySQL DSN, or the path of an SQLite file`,
		},
		"a datasource that is none": {
			func(c *Config) { c.Driver, c.Datasource = "postgres", "postgres://tyk:s3cret@host:port/db" },
			`datasource: the value (not shown, it may hold a password) is not a PostgreSQL DSN such as "host=localhost dbname=tyk_analytics user=tyk" nor a URL such as "postgres://tyk@localhost/tyk_analytics"`,
		},
		"a URL without its driver": {
			func(c *Config) { c.Datasource = "postgres://tyk:s3cret@host/db" },
			`datasource: the value (not shown, it may hold a password) is meant for PostgreSQL, but driver is "sqlite": set driver: postgres`,
		},
		"a DSN without its driver": {
			func(c *Config) { c.Datasource = "host=localhost password=s3cret" },
			`datasource: the value (not shown, it may hold a password) is meant for PostgreSQL, but driver is "sqlite": set driver: postgres`,
		},
		"a URL of MySQL without its driver": {
			func(c *Config) { c.Datasource = "mysql://tyk:s3cret@host/db" },
			`datasource: the value (not shown, it may hold a password) is meant for MySQL, but driver is "sqlite": set driver: mysql`,
		},
		"a URL of something else": {
			func(c *Config) { c.Datasource = "mongodb://tyk:s3cret@host/db" },
			`datasource: the value (not shown, it may hold a password) is the URL of something else, but driver is "sqlite": give the path of a file`,
		},
		"a file that is only read": {
			func(c *Config) { c.Datasource = "file:x.db?mode=ro" },
			`datasource: the value (not shown, it may hold a password) has mode=ro or immutable, which keeps the exporter from writing: leave it out`,
		},
		"a directory": {
			func(c *Config) { c.Datasource = "testdata" },
			`datasource: the value (not shown, it may hold a password) is a directory: give the path of a file in it`,
		},
		"SQLite's own tables": {
			func(c *Config) { c.Tables.Requests.Name = "SQLite_x" },
			`tables::requests::name: "SQLite_x" begins with sqlite_, which SQLite keeps for itself: use another name`,
		},
		"a DSN of MySQL without its driver": {
			func(c *Config) { c.Datasource = "tyk:s3cret@tcp(localhost:3306)/tyk_analytics" },
			`datasource: the value (not shown, it may hold a password) is meant for MySQL, but driver is "sqlite": set driver: mysql`,
		},
		"a DSN that MySQL's driver does not read": {
			func(c *Config) { c.Driver, c.Datasource = "mysql", "host=localhost password=s3cret" },
			`datasource: the value (not shown, it may hold a password) is not a MySQL DSN such as "tyk:password@tcp(localhost:3306)/tyk_analytics"; its tls is true, false, skip-verify or preferred, and files with certificates are set in mysql::tls`,
		},
		"TLS of MySQL that nobody registered": {
			func(c *Config) {
				c.Driver, c.Datasource = "mysql", "tyk:s3cret@tcp(localhost:3306)/tyk_analytics?tls=mine"
			},
			`datasource: the value (not shown, it may hold a password) is not a MySQL DSN such as "tyk:password@tcp(localhost:3306)/tyk_analytics"; its tls is true, false, skip-verify or preferred, and files with certificates are set in mysql::tls`,
		},
		"a URL for MySQL": {
			func(c *Config) { c.Driver, c.Datasource = "mysql", "mysql://tyk:s3cret@localhost/tyk_analytics" },
			`datasource: the value (not shown, it may hold a password) is a URL, but MySQL's driver wants a DSN such as "tyk:password@tcp(localhost:3306)/tyk_analytics"`,
		},
		"no database of MySQL": {
			func(c *Config) { c.Driver, c.Datasource = "mysql", "tyk:s3cret@tcp(localhost:3306)/" },
			`datasource: the value (not shown, it may hold a password) names no database: append it to the slash, as in tcp(localhost:3306)/tyk_analytics`,
		},
		"TLS of MySQL twice": {
			func(c *Config) {
				c.Driver, c.Datasource = "mysql", "tyk@tcp(localhost:3306)/tyk_analytics?tls=skip-verify"
				c.MySQL.TLS = configoptional.Some(configtls.NewDefaultClientConfig())
			},
			`mysql::tls: is set, but tls is also set in the datasource: remove one of them`,
		},
		"TLS of another driver": {
			func(c *Config) { c.MySQL.TLS = configoptional.Some(configtls.NewDefaultClientConfig()) },
			`mysql::tls: has no meaning with driver "sqlite": remove it, or set driver: mysql`,
		},
		"TLS of MySQL that is none": {
			func(c *Config) {
				c.Driver, c.Datasource = "mysql", "tyk@tcp(localhost:3306)/tyk_analytics"
				c.MySQL.TLS = configoptional.Some(configtls.ClientConfig{Insecure: true})
			},
			`mysql::tls::insecure: true asks for no TLS: remove mysql::tls, or insecure`,
		},
		"the locks as table": {
			func(c *Config) { c.Tables.Requests.Name = "otelcol_tyk_ledger_locks" },
			`tables: requests::name: "otelcol_tyk_ledger_locks" is the ledger's own table: use another name`,
		},
		"table of another schema": {
			func(c *Config) { c.Tables.Requests.Name = "tyk.analytics" },
			`tables: requests::name: "tyk.analytics" is not a plain table name: use letters, digits, underscores and dashes, at most 63, not starting with a dash; choose a PostgreSQL schema with search_path in the datasource`,
		},
		"no table": {
			func(c *Config) { c.Tables.Requests.Name = "" },
			`tables: requests::name: "" is not a plain table name: use letters, digits, underscores and dashes, at most 63, not starting with a dash; choose a PostgreSQL schema with search_path in the datasource`,
		},
		"the ledger as table": {
			func(c *Config) { c.Tables.Requests.Name = "OTELCOL_tyk_ledger" },
			`tables: requests::name: "OTELCOL_tyk_ledger" is the ledger's own table: use another name`,
		},
		"one table for two": {
			func(c *Config) {
				c.Tables.Graph = TableConfig{Enabled: true, Name: "TYK_analytics"}
			},
			`tables: graph::name: "TYK_analytics" is also the name of requests: each has columns of its own, so use another name`,
		},
		"nothing to write": {
			func(c *Config) { c.Tables.Requests.Enabled = false },
			`tables: no table is enabled, so nothing would be stored: enable requests, graph, mcp, uptime, aggregated, graph_aggregated, mcp_aggregated or latency`,
		},
		"a zone that is none": {
			func(c *Config) { c.Timezone = "Mars/Base" },
			`timezone: "Mars/Base" is not the name of a time zone: use one such as UTC or America/New_York`,
		},
		"the machine's zone": {
			func(c *Config) { c.Timezone = "Local" },
			`timezone: "Local" is not the name of a time zone: use one such as UTC or America/New_York`,
		},
		"a protocol of another database": {
			func(c *Config) { c.Postgres.PreferSimpleProtocol = true },
			`postgres::prefer_simple_protocol: true has no meaning with driver "sqlite": remove it, or set driver: postgres`,
		},
		"retention of one table": {
			func(c *Config) { c.RetentionDays = 7 },
			`retention_days: has no meaning without table_sharding, since tables of days are dropped as a whole: remove it, or set table_sharding: true`,
		},
		"negative retention": {
			func(c *Config) { c.RetentionDays = -1 },
			`retention_days: -1 must be 0, which keeps all tables, or more`,
		},
		"indexes for tables of days": {
			func(c *Config) { c.Indexes, c.TableSharding = true, true },
			`indexes: has no meaning with table_sharding, whose tables always have Tyk Pump's indexes: remove one of them`,
		},
		"a name too long for its days": {
			func(c *Config) {
				c.TableSharding, c.Tables.Requests.Name = true, "a123456789b123456789c123456789d1234567"
			},
			`tables::requests::name: "a123456789b123456789c123456789d1234567" is too long for table_sharding or indexes, which append to it: use at most 37 letters`,
		},
		"a slash in a password": {
			func(c *Config) { c.Driver, c.Datasource = driverPostgres, "postgres://tyk:12/34@db/tyk_analytics" },
			unescaped,
		},
		"an at sign in a password": {
			func(c *Config) { c.Driver, c.Datasource = driverPostgres, "postgresql://tyk:p@ss@db/tyk_analytics" },
			unescaped,
		},
		"a database in memory": {
			func(c *Config) { c.Datasource = ":memory:" },
			"datasource: the value (not shown, it may hold a password) is a database in memory, which forgets all records when the collector ends, and they have left Redis by then: give the path of a file",
		},
		"no connections": {
			func(c *Config) { c.MaxOpenConns = 0 },
			`max_open_conns: 0 must be 1 or more`,
		},
		"short memory": {
			func(c *Config) { c.Ledger.Retention = time.Minute },
			`ledger: retention: 1m0s is too short for a redelivery after an outage to be recognised: use 1h0m0s or more, or 0 to keep the ledger for ever`,
		},
		"negative memory": {
			func(c *Config) { c.Ledger.Retention = -time.Hour },
			`ledger: retention: -1h0m0s is too short for a redelivery after an outage to be recognised: use 1h0m0s or more, or 0 to keep the ledger for ever`,
		},
		"no pruning interval": {
			func(c *Config) { c.Ledger.PruneInterval = 0 },
			`ledger: prune_interval: 0s must be positive`,
		},
		"a batch": {
			func(c *Config) {
				c.Queue.GetOrInsertDefault().Batch = configoptional.Some(exporterhelper.BatchConfig{FlushTimeout: time.Second, Sizer: exporterhelper.RequestSizerTypeItems})
			},
			`sending_queue::batch: must not be set: a batch cuts and mixes the receiver's chunks, which are already of a good size (chunk_size of the receiver)`,
		},
		"a queue of items": {
			func(c *Config) { c.Queue.GetOrInsertDefault().Sizer = exporterhelper.RequestSizerTypeItems },
			`sending_queue::sizer: "items" is not supported: a chunk larger than the queue would be refused for ever; use requests`,
		},
		"a queue in memory that does not wait": {
			func(c *Config) { c.Queue.GetOrInsertDefault().WaitForResult = false },
			`sending_queue::wait_for_result: false loses the records that wait in memory when the collector ends: use true, or set storage`,
		},
		"a queue on disk without retries": {
			func(c *Config) {
				c.Queue.GetOrInsertDefault().WaitForResult, c.Queue.GetOrInsertDefault().StorageID, c.Retry.Enabled = false, &storage, false
			},
			`retry_on_failure::enabled: false with sending_queue::storage drops records at the first failure: use true`,
		},
		"a queue on disk that gives up": {
			func(c *Config) {
				c.Queue.GetOrInsertDefault().WaitForResult, c.Queue.GetOrInsertDefault().StorageID, c.Retry.MaxElapsedTime = false, &storage, time.Hour
			},
			`retry_on_failure::max_elapsed_time: 1h0m0s with sending_queue::storage drops records after that time: use 0, which retries without end`,
		},
		"several at once": {
			func(c *Config) { c.Driver, c.MaxOpenConns, c.Ledger.PruneInterval = "x", -1, -time.Second },
			`driver: "x" is not one of "postgres", "mysql", "sqlite"` + "\nmax_open_conns: -1 must be 1 or more\nledger: prune_interval: -1s must be positive",
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
