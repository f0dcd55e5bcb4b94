package tyksqlexporter

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
	_ "time/tzdata" // zones, on machines that have none

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/confmap"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/push"
	"github.com/otelcol-tyk/otelcol-tyk/internal/datasource"
	"github.com/otelcol-tyk/otelcol-tyk/internal/netaddr"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
	"github.com/otelcol-tyk/otelcol-tyk/internal/spelling"
	"github.com/otelcol-tyk/otelcol-tyk/internal/tyktables"
)

// The values of Config.Driver.
const (
	driverMySQL    = "mysql"
	driverPostgres = "postgres"
	driverSQLite   = "sqlite"
)

// minRetention is the shortest time for which the ledger may remember what was
// stored: a redelivery after an outage of the collector must find it.
const minRetention = time.Hour

// tableNames are the names that mean one table in every database, and fit PostgreSQL's 63
// bytes: a dot would part a schema from it.
var tableNames = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_-]{0,62}$`)

// Config says where and how records are stored.
type Config struct {
	// Driver is "postgres", "mysql" (MariaDB too) or "sqlite".
	Driver string `mapstructure:"driver"`
	// Datasource is a PostgreSQL DSN or URL, a DSN of MySQL's Go driver, or an SQLite
	// file path or file: URI.
	Datasource configopaque.String `mapstructure:"datasource"`
	// Tables are the tables that are written, each of other records.
	Tables TablesConfig `mapstructure:"tables"`
	// TableSharding gives each day tables of its own, named <name>_YYYYMMDD.
	TableSharding bool `mapstructure:"table_sharding"`
	// RetentionDays is the age in days at which the tables of a day are dropped; 0
	// keeps them for ever. It needs TableSharding.
	RetentionDays int `mapstructure:"retention_days"`
	// Timezone is the IANA name of the zone whose days and hours count.
	Timezone string `mapstructure:"timezone"`
	// Indexes gives tables that hold many days indexes when they are made.
	Indexes bool `mapstructure:"indexes"`
	// OmitIndexCreation makes tables without any index but that of their primary key.
	OmitIndexCreation bool `mapstructure:"omit_index_creation"`
	// MaxOpenConns bounds the connections to a server; SQLite always has one.
	MaxOpenConns int `mapstructure:"max_open_conns"`
	// Postgres is what only PostgreSQL has.
	Postgres PostgresConfig `mapstructure:"postgres"`
	// MySQL is what only MySQL and MariaDB have.
	MySQL MySQLConfig `mapstructure:"mysql"`
	// Ledger is the memory of what was stored, against storing it twice.
	Ledger LedgerConfig `mapstructure:"ledger"`
	// Sending bounds, repeats and queues pushes.
	sink.Sending `mapstructure:",squash"`
}

// TablesConfig says which tables are written.
type TablesConfig struct {
	// Requests holds all requests but those of MCP.
	Requests TableConfig `mapstructure:"requests"`
	// Graph holds GraphQL requests, with what they asked for in columns of its own.
	Graph TableConfig `mapstructure:"graph"`
	// MCP holds MCP requests.
	MCP TableConfig `mapstructure:"mcp"`
	// Uptime counts uptime checks by hour.
	Uptime TableConfig `mapstructure:"uptime"`
	// Aggregated holds rollups of requests that are neither of GraphQL nor of MCP.
	Aggregated TableConfig `mapstructure:"aggregated"`
	// GraphAggregated holds rollups of GraphQL requests.
	GraphAggregated TableConfig `mapstructure:"graph_aggregated"`
	// MCPAggregated holds rollups of MCP requests.
	MCPAggregated TableConfig `mapstructure:"mcp_aggregated"`
	// Latency holds what percentiles of latencies are computed from.
	Latency TableConfig `mapstructure:"latency"`
}

// TableConfig is one table.
type TableConfig struct {
	// Enabled says whether the table is written.
	Enabled bool `mapstructure:"enabled"`
	// Name is the table's, without a schema.
	Name string `mapstructure:"name"`
}

// PostgresConfig is what only PostgreSQL has.
type PostgresConfig struct {
	// PreferSimpleProtocol sends each statement as one text, for poolers and proxies
	// that know nothing else.
	PreferSimpleProtocol bool `mapstructure:"prefer_simple_protocol"`
}

// MySQLConfig is what only MySQL and MariaDB have.
type MySQLConfig struct {
	// TLS names files with certificates, which a DSN cannot. With it, connections are
	// encrypted; without it, the DSN says whether they are.
	TLS datasource.TLS `mapstructure:"tls"`
}

// LedgerConfig says how long the ledger remembers.
type LedgerConfig struct {
	// Retention is the age at which ledger rows are deleted; 0 keeps them for ever.
	Retention time.Duration `mapstructure:"retention"`
	// PruneInterval is the time between two looks for old rows.
	PruneInterval time.Duration `mapstructure:"prune_interval"`
}

func createDefaultConfig() component.Config {
	return &Config{
		Driver:     driverSQLite,
		Datasource: "tyk_analytics.db",
		Tables: TablesConfig{
			Requests: TableConfig{Enabled: true, Name: tyktables.Requests},
			Graph:    TableConfig{Name: tyktables.Graph},
			MCP:      TableConfig{Name: tyktables.MCP},
			Uptime:   TableConfig{Name: tyktables.Uptime},

			Aggregated:      TableConfig{Name: tyktables.Aggregated},
			GraphAggregated: TableConfig{Name: tyktables.GraphAggregated},
			MCPAggregated:   TableConfig{Name: tyktables.MCPAggregated},
			Latency:         TableConfig{Name: tyktables.Latency},
		},
		Timezone:     "UTC",
		MaxOpenConns: 10,
		Ledger:       LedgerConfig{Retention: 3 * 24 * time.Hour, PruneInterval: time.Hour},
		Sending:      sink.Defaults(),
	}
}

// Unmarshal says which key is meant by one that does not exist.
func (c *Config) Unmarshal(conf *confmap.Conf) error { return spelling.Keys(conf.Unmarshal(c), c) }

// Validate checks everything that can be checked without the database, and
// refuses the settings with which records could be lost or stored twice.
func (c *Config) Validate() error {
	errs := []error{c.validateDatasource(), sink.ValidateQueue(c.Queue, c.Retry)}
	if _, err := time.LoadLocation(c.Timezone); err != nil || c.Timezone == "" || c.Timezone == "Local" {
		errs = append(errs, fmt.Errorf("timezone: %q is not the name of a time zone: use one such as UTC or America/New_York", c.Timezone))
	}
	if c.Postgres.PreferSimpleProtocol && c.Driver != driverPostgres {
		errs = append(errs, fmt.Errorf("postgres::prefer_simple_protocol: true has no meaning with driver %s: remove it, or set driver: postgres", netaddr.Shown(c.Driver)))
	}
	if c.MySQL.TLS.HasValue() && c.Driver != driverMySQL {
		errs = append(errs, fmt.Errorf("mysql::tls: has no meaning with driver %s: remove it, or set driver: mysql", netaddr.Shown(c.Driver)))
	}
	if c.RetentionDays < 0 {
		errs = append(errs, fmt.Errorf("retention_days: %d must be 0, which keeps all tables, or more", c.RetentionDays))
	}
	if c.RetentionDays > 0 && !c.TableSharding {
		errs = append(errs, errors.New("retention_days: has no meaning without table_sharding, since tables of days are dropped as a whole: remove it, or set table_sharding: true"))
	}
	if c.TableSharding && c.Indexes {
		errs = append(errs, errors.New("indexes: has no meaning with table_sharding, whose tables always have Tyk Pump's indexes: remove one of them"))
	}
	if c.OmitIndexCreation && c.Indexes {
		errs = append(errs, errors.New("indexes: has no meaning with omit_index_creation, which makes none: remove one of them"))
	}
	for _, t := range c.enabledTables() {
		if c.Driver == driverSQLite && strings.HasPrefix(strings.ToLower(t.Name), "sqlite_") {
			errs = append(errs, fmt.Errorf("tables::%s::name: %q begins with sqlite_, which SQLite keeps for itself: use another name", t.Layout.Key, t.Name))
		}
		if (c.TableSharding || c.Indexes) && len(t.Name) > maxLongName {
			errs = append(errs, fmt.Errorf("tables::%s::name: %q is too long for table_sharding or indexes, which append to it: use at most %d letters", t.Layout.Key, t.Name, maxLongName))
		}
	}
	if c.MaxOpenConns < 1 {
		errs = append(errs, fmt.Errorf("max_open_conns: %d must be 1 or more", c.MaxOpenConns))
	}
	return errors.Join(errs...)
}

// enabledTables are the tables to be written, that of the requests first.
func (c *Config) enabledTables() []layout.Table { return c.Tables.enabled(c.OmitIndexCreation) }

func (c *TablesConfig) enabled(omitIndexes bool) []layout.Table {
	var tables []layout.Table
	for _, t := range []struct {
		TableConfig
		of *layout.Layout
	}{
		{c.Requests, layout.RequestLayout},
		{c.Graph, layout.GraphLayout},
		{c.MCP, layout.MCPLayout},
		{c.Uptime, layout.UptimeLayout},
		{c.Aggregated, layout.AggregatedLayout},
		{c.GraphAggregated, layout.GraphAggregatedLayout},
		{c.MCPAggregated, layout.MCPAggregatedLayout},
		{c.Latency, layout.LatencyLayout},
	} {
		if t.Enabled {
			tables = append(tables, layout.Table{Layout: t.of, Name: t.Name, OmitIndexes: omitIndexes})
		}
	}
	return tables
}

// Validate checks the names of the tables that are written.
func (c *TablesConfig) Validate() error {
	var errs []error
	keys := map[string]string{} // by name; SQLite does not tell capitals from small letters
	for _, t := range c.enabled(false) {
		key := t.Layout.Key
		switch other, taken := keys[strings.ToLower(t.Name)]; {
		case !tableNames.MatchString(t.Name):
			errs = append(errs, fmt.Errorf("%s::name: %q is not a plain table name: use letters, digits, underscores and dashes, at most 63, not starting with a dash; choose a PostgreSQL schema with search_path in the datasource", key, t.Name))
		case strings.HasPrefix(strings.ToLower(t.Name), push.LedgerTable):
			errs = append(errs, fmt.Errorf("%s::name: %q is the ledger's own table: use another name", key, t.Name))
		case taken:
			errs = append(errs, fmt.Errorf("%s::name: %q is also the name of %s: each has columns of its own, so use another name", key, t.Name, other))
		}
		keys[strings.ToLower(t.Name)] = key
	}
	if len(keys) == 0 {
		errs = append(errs, errors.New("no table is enabled, so nothing would be stored: enable requests, graph, mcp, uptime, aggregated, graph_aggregated, mcp_aggregated or latency"))
	}
	return errors.Join(errs...)
}

// maxLongName is the longest name of a table to which a day and the name of an index
// may be appended within PostgreSQL's 63 bytes, which cuts longer ones.
const maxLongName = 63 - len("_20060102") - len("_idx_responsecode")

// calendar is that of a configuration that is valid.
func (c *Config) calendar() layout.Calendar {
	zone, err := time.LoadLocation(c.Timezone)
	if err != nil {
		zone = time.UTC
	}
	return layout.Calendar{Zone: zone, Sharded: c.TableSharding}
}

func (c *Config) validateDatasource() error {
	if c.Datasource == "" {
		return errors.New("datasource: is empty: set a PostgreSQL DSN or URL, a MySQL DSN, or the path of an SQLite file")
	}
	var err error
	switch text := string(c.Datasource); c.Driver {
	case driverPostgres:
		_, err = datasource.Postgres(text, "", false)
	case driverMySQL:
		_, err = datasource.MySQL(text, c.MySQL.TLS)
	case driverSQLite:
		err = datasource.CheckSQLite(text)
	default:
		err = fmt.Errorf("driver: %s is not one of %q, %q, %q", netaddr.Shown(c.Driver), driverPostgres, driverMySQL, driverSQLite)
	}
	return err
}

// Validate checks the ledger's times.
func (c *LedgerConfig) Validate() error {
	var errs []error
	if c.Retention != 0 && c.Retention < minRetention {
		errs = append(errs, fmt.Errorf("retention: %v is too short for a redelivery after an outage to be recognised: use %v or more, or 0 to keep the ledger for ever", c.Retention, minRetention))
	}
	if c.PruneInterval <= 0 {
		errs = append(errs, fmt.Errorf("prune_interval: %v must be positive", c.PruneInterval))
	}
	return errors.Join(errs...)
}
