package sqlstore

import (
	"errors"
	"fmt"
	"regexp"
	"time"
	_ "time/tzdata" // zones, on machines that have none

	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/confmap"

	"github.com/otelcol-tyk/otelcol-tyk/internal/datasource"
	"github.com/otelcol-tyk/otelcol-tyk/internal/tyktables"
)

// The drivers.
const (
	postgresDriver = "postgres"
	mysqlDriver    = "mysql"
	sqliteDriver   = "sqlite"
)

// Tables are the names of the tables that are read; empty for those that nobody writes.
type Tables struct {
	Requests, Aggregated, GraphAggregated, MCPAggregated, Latency, MCP string
}

// Limits bound what the console asks.
type Limits struct {
	// MaxQueries is how many statements run at a time.
	MaxQueries int
	// StatementTimeout is the longest that one takes.
	StatementTimeout time.Duration
	// ScanRows is how many records one statement reads at most.
	ScanRows int
	// SearchRows is how many records one page of Logs reads at most.
	SearchRows int
}

// DefaultLimits are those without configuration.
func DefaultLimits() Limits {
	return Limits{MaxQueries: 4, StatementTimeout: 5 * time.Second, ScanRows: 20_000, SearchRows: 250_000}
}

// Config says where the tables are.
type Config struct {
	Driver     string
	Datasource configopaque.String
	// SimpleProtocol is for poolers of PostgreSQL that know nothing else.
	SimpleProtocol bool
	// TLS names files with certificates, for MySQL.
	TLS datasource.TLS
	// Tables are the tables' names, Sharded tells whether days of records have tables of their own.
	Tables  Tables
	Sharded bool
	// Zone is that by whose clocks days and buckets begin; UTC where it is nil.
	Zone *time.Location
	// Bucket is the rollups' width where the configuration says it; 0 where it must be found out.
	Bucket time.Duration
	// LinkSecret makes the references of keys; empty to derive it from the datasource.
	LinkSecret configopaque.String

	Limits
}

// exporterSettings are those of the exporter's settings that readers need.
type exporterSettings struct {
	Driver     string              `mapstructure:"driver"`
	Datasource configopaque.String `mapstructure:"datasource"`
	Tables     map[string]struct {
		Enabled bool   `mapstructure:"enabled"`
		Name    string `mapstructure:"name"`
	} `mapstructure:"tables"`
	TableSharding bool   `mapstructure:"table_sharding"`
	Timezone      string `mapstructure:"timezone"`
	Postgres      struct {
		PreferSimpleProtocol bool `mapstructure:"prefer_simple_protocol"`
	} `mapstructure:"postgres"`
	MySQL struct {
		TLS datasource.TLS `mapstructure:"tls"`
	} `mapstructure:"mysql"`
}

// FromExporter reads the settings of an exporter tyksql as they stand in a configuration, with the
// exporter's defaults for what does not.
func FromExporter(conf *confmap.Conf) (Config, error) {
	set := exporterSettings{Driver: sqliteDriver, Datasource: "tyk_analytics.db", Timezone: "UTC"}
	if err := conf.Unmarshal(&set, confmap.WithIgnoreUnused()); err != nil {
		return Config{}, fmt.Errorf("read the exporter's settings: %w", err)
	}
	zone, err := time.LoadLocation(set.Timezone)
	if err != nil {
		return Config{}, fmt.Errorf("timezone: %q is not the name of a time zone: use one such as UTC or America/New_York", set.Timezone)
	}
	name := func(key, otherwise string, enabled bool) string {
		t, ok := set.Tables[key]
		if !ok {
			t.Enabled = enabled
		} else if !conf.IsSet("tables::" + key + "::enabled") {
			t.Enabled = enabled
		}
		switch {
		case !t.Enabled:
			return ""
		case t.Name == "":
			return otherwise
		}
		return t.Name
	}
	return Config{
		Driver: set.Driver, Datasource: set.Datasource, SimpleProtocol: set.Postgres.PreferSimpleProtocol, TLS: set.MySQL.TLS,
		Tables: Tables{
			Requests:        name("requests", tyktables.Requests, true),
			Aggregated:      name("aggregated", tyktables.Aggregated, false),
			GraphAggregated: name("graph_aggregated", tyktables.GraphAggregated, false),
			MCPAggregated:   name("mcp_aggregated", tyktables.MCPAggregated, false),
			Latency:         name("latency", tyktables.Latency, false),
			MCP:             name("mcp", tyktables.MCP, false),
		},
		Sharded: set.TableSharding, Zone: zone, Limits: DefaultLimits(),
	}, nil
}

var tableNames = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_-]{0,62}$`)

// validate checks what statements are made of.
func (c *Config) validate() error {
	for _, name := range []string{c.Tables.Requests, c.Tables.Aggregated, c.Tables.GraphAggregated, c.Tables.MCPAggregated, c.Tables.Latency, c.Tables.MCP} {
		if name != "" && !tableNames.MatchString(name) {
			return fmt.Errorf("table name %q: use letters, digits, underscores and dashes, at most 63, not starting with a dash", name)
		}
	}
	if c.Datasource == "" {
		return errors.New("datasource: is empty: set that of the store")
	}
	if c.MaxQueries < 1 || c.ScanRows < 1 || c.SearchRows < 1 || c.StatementTimeout <= 0 {
		return errors.New("max_queries, statement_timeout, scan_rows and search_rows must be positive")
	}
	return nil
}
