package tykmongoexporter

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configtls"
	"go.opentelemetry.io/collector/confmap"

	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
	"github.com/otelcol-tyk/otelcol-tyk/internal/spelling"
)

// DatabaseType tells apart the databases that speak MongoDB's protocol, by the
// numbers of Tyk Pump.
type DatabaseType int

// The values of Config.DatabaseType.
const (
	// StandardMongo is MongoDB.
	StandardMongo DatabaseType = iota
	// AWSDocumentDB is Amazon DocumentDB.
	AWSDocumentDB
	// CosmosDB is Azure Cosmos DB, which knows no TTL index on a field of ours.
	CosmosDB
)

// Config says where and how records are stored.
type Config struct {
	// URI is MongoDB's connection string, with the database's name as its path.
	URI configopaque.String `mapstructure:"uri"`
	// TLS secures the connections; insecure: true leaves that to the URI.
	TLS configtls.ClientConfig `mapstructure:"tls"`
	// AllowInvalidHostnames checks the server's certificate, but not its name.
	AllowInvalidHostnames bool `mapstructure:"mongo_ssl_allow_invalid_hostnames"`
	// DatabaseType is which kind of database it is; only the making of indexes differs.
	DatabaseType DatabaseType `mapstructure:"mongo_db_type"`
	// Collections are the collections that are written, each of other records.
	Collections CollectionsConfig `mapstructure:"collections"`
	// OmitIndexCreation makes no indexes.
	OmitIndexCreation bool `mapstructure:"omit_index_creation"`
	// CollectionCapEnable caps collections of a fixed name when they are made.
	CollectionCapEnable bool `mapstructure:"collection_cap_enable"`
	// CollectionCapMaxSizeBytes is the size of a capped collection.
	CollectionCapMaxSizeBytes int64 `mapstructure:"collection_cap_max_size_bytes"`
	// MaxInsertBatchSizeBytes bounds the documents of one insert command.
	MaxInsertBatchSizeBytes int `mapstructure:"max_insert_batch_size_bytes"`
	// MaxDocumentSizeBytes bounds a record's recorded request and response, with 1024
	// bytes for the rest; above it they are left out.
	MaxDocumentSizeBytes int `mapstructure:"max_document_size_bytes"`
	// Retention is for how long documents of rollups remember what they count after
	// they were written last; 0 is for ever.
	Retention time.Duration `mapstructure:"retention"`
	// Sending bounds, repeats and queues pushes.
	sink.Sending `mapstructure:",squash"`
}

// CollectionsConfig says which collections are written.
type CollectionsConfig struct {
	// Requests holds all requests but those of MCP.
	Requests CollectionConfig `mapstructure:"requests"`
	// Organisations holds the same, in a collection for each organisation.
	Organisations OrganisationsConfig `mapstructure:"organisations"`
	// Graph holds GraphQL requests, with what they asked for in fields of its own.
	Graph CollectionConfig `mapstructure:"graph"`
	// MCP holds MCP requests.
	MCP CollectionConfig `mapstructure:"mcp"`
	// Uptime holds uptime checks.
	Uptime CollectionConfig `mapstructure:"uptime"`
	// Aggregates holds rollups of requests, by organisation.
	Aggregates AggregatesConfig `mapstructure:"aggregates"`
	// MCPAggregates holds rollups of MCP requests, by organisation.
	MCPAggregates AggregatesConfig `mapstructure:"mcp_aggregates"`
}

// AggregatesConfig is one collection of rollups for each organisation, whose names
// Tyk Dashboard derives from the organisation's id.
type AggregatesConfig struct {
	// Enabled says whether the collections are written.
	Enabled bool `mapstructure:"enabled"`
	// UseMixedCollection writes the same into one collection of all organisations.
	UseMixedCollection bool `mapstructure:"use_mixed_collection"`
}

// mixed gives the name of the collection of all organisations where it is written.
func (c AggregatesConfig) mixed(name string) string {
	if !c.Enabled || !c.UseMixedCollection {
		return ""
	}
	return name
}

// CollectionConfig is one collection.
type CollectionConfig struct {
	// Enabled says whether the collection is written.
	Enabled bool `mapstructure:"enabled"`
	// Name is the collection's.
	Name string `mapstructure:"name"`
}

// OrganisationsConfig is one collection for each organisation, whose names Tyk
// Dashboard derives from the organisation's id.
type OrganisationsConfig struct {
	// Enabled says whether the collections are written.
	Enabled bool `mapstructure:"enabled"`
}

// For how long documents of rollups remember what they count.
const (
	defaultRetention = 3 * 24 * time.Hour
	minRetention     = 2 * time.Hour // a bucket is an hour long
)

// Sizes of Config, in bytes.
const (
	defaultCapBytes   = 5 << 30
	defaultBatchBytes = 10 << 20
	// maxBSONBytes is the largest document, and the largest command, that all of the
	// databases take.
	maxBSONBytes = 16 << 20
)

func createDefaultConfig() component.Config {
	tls := configtls.NewDefaultClientConfig()
	tls.Insecure = true
	return &Config{
		URI: "mongodb://localhost:27017/tyk_analytics",
		TLS: tls,
		Collections: CollectionsConfig{
			Requests: CollectionConfig{Enabled: true, Name: "tyk_analytics"},
			Graph:    CollectionConfig{Name: "tyk_graph_analytics"},
			MCP:      CollectionConfig{Name: "tyk_mcp_analytics"},
			Uptime:   CollectionConfig{Name: "tyk_uptime_analytics"},
		},
		CollectionCapMaxSizeBytes: defaultCapBytes,
		MaxInsertBatchSizeBytes:   defaultBatchBytes,
		MaxDocumentSizeBytes:      defaultBatchBytes,
		Retention:                 defaultRetention,
		Sending:                   sink.Defaults(),
	}
}

// Unmarshal says which key is meant by one that does not exist.
func (c *Config) Unmarshal(conf *confmap.Conf) error { return spelling.Keys(conf.Unmarshal(c), c) }

// Validate checks everything that can be checked without the database, and
// refuses the settings with which records could be lost or stored twice.
func (c *Config) Validate() error {
	errs := []error{c.validateURI(), sink.ValidateQueue(c.Queue, c.Retry)}
	if c.DatabaseType < StandardMongo || c.DatabaseType > CosmosDB {
		errs = append(errs, fmt.Errorf("mongo_db_type: %d is unknown: use 0 for MongoDB, 1 for Amazon DocumentDB or 2 for Azure Cosmos DB", c.DatabaseType))
	}
	if c.CollectionCapEnable && c.CollectionCapMaxSizeBytes < 1 {
		errs = append(errs, fmt.Errorf("collection_cap_max_size_bytes: %d must be 1 or more, or collection_cap_enable false", c.CollectionCapMaxSizeBytes))
	}
	if c.MaxInsertBatchSizeBytes < 1 || c.MaxInsertBatchSizeBytes > maxBSONBytes {
		errs = append(errs, fmt.Errorf("max_insert_batch_size_bytes: %d must be from 1 to %d, the largest command that the databases take", c.MaxInsertBatchSizeBytes, maxBSONBytes))
	}
	if c.MaxDocumentSizeBytes < bytesBesideBodies || c.MaxDocumentSizeBytes > maxBSONBytes {
		errs = append(errs, fmt.Errorf("max_document_size_bytes: %d must be from %d to %d, the largest document that the databases take", c.MaxDocumentSizeBytes, bytesBesideBodies, maxBSONBytes))
	}
	if c.Retention != 0 && c.Retention < minRetention {
		errs = append(errs, fmt.Errorf("retention: %v is too short for a redelivery after an outage to be recognised: use %v or more, or 0 to remember for ever", c.Retention, minRetention))
	}
	return errors.Join(errs...)
}

// Validate checks the names of the collections that are written.
func (c *CollectionsConfig) Validate() error {
	var errs []error
	keys := map[string]string{} // by name
	for _, k := range collectionKinds {
		setting := k.setting(c)
		if !setting.Enabled {
			continue
		}
		switch other, taken := keys[setting.Name]; {
		case k.perOrganisation:
		case !validName(setting.Name):
			errs = append(errs, fmt.Errorf(`%s::name: %q is not a collection's name: use 1 to %d bytes without "$" and NUL that do not begin with "system."`, k.key, setting.Name, maxNameBytes))
		case reservedName(setting.Name):
			errs = append(errs, fmt.Errorf("%s::name: %q could be a collection of an organisation or of rollups: use another name", k.key, setting.Name))
		case taken:
			errs = append(errs, fmt.Errorf("%s::name: %q is also the name of %s: each has documents of its own kind, so use another name", k.key, setting.Name, other))
		}
		keys[setting.Name] = k.key
	}
	for _, rollups := range []struct {
		key string
		AggregatesConfig
	}{{"aggregates", c.Aggregates}, {"mcp_aggregates", c.MCPAggregates}} {
		if rollups.UseMixedCollection && !rollups.Enabled {
			errs = append(errs, fmt.Errorf("%s::use_mixed_collection: has no meaning without %s::enabled: set that to true too", rollups.key, rollups.key))
		}
	}
	if len(keys) == 0 {
		errs = append(errs, errors.New("no collection is enabled, so nothing would be stored: enable requests, organisations, graph, mcp, uptime, aggregates or mcp_aggregates"))
	}
	return errors.Join(errs...)
}

// reservedName tells names that collections have which are not named in the
// configuration.
func reservedName(name string) bool {
	return slices.ContainsFunc(collectionKinds, func(k *collectionKind) bool {
		all := &CollectionsConfig{
			Aggregates:    AggregatesConfig{Enabled: true, UseMixedCollection: true},
			MCPAggregates: AggregatesConfig{Enabled: true, UseMixedCollection: true},
		}
		return k.perOrganisation && strings.HasPrefix(name, k.setting(all).Name) || k.mixed != nil && k.mixed(all) == name
	})
}
