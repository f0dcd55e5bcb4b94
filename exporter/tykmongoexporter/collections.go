package tykmongoexporter

import (
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rollup"
)

// organisationPrefix stands before the organisation's id in the name of its collection.
const organisationPrefix = "z_tyk_analyticz_"

// maxNameBytes is the longest name of a collection. With the database's name and a
// dot, MongoDB takes 255 bytes; databases' names are at most 64 long.
const maxNameBytes = 190

// validName tells whether every database takes the name for a collection.
func validName(name string) bool {
	return name != "" && len(name) <= maxNameBytes && !strings.ContainsAny(name, "$\x00") && !strings.HasPrefix(name, "system.")
}

// The prefixes of collections of rollups. The first begins as that of requests does.
const (
	rollupPrefix    = organisationPrefix + "aggregate_"
	mcpRollupPrefix = "z_tyk_mcp_analyticz_aggregate_"
)

// rollupsOf tells of which organisation a collection has the rollups.
func rollupsOf(name string) (organisation string, is bool) {
	return strings.CutPrefix(name, rollupPrefix)
}

// form is how a document is made of a record.
type form uint8

const (
	formRequest form = iota
	formGraph
	formMCP
	formUptime
	formAggregate
)

// collectionKind is a kind of collections: what they hold, and their indexes.
type collectionKind struct {
	key             string // of the configuration's collections, and in metrics
	form            form
	perOrganisation bool
	capped          bool // where collections are capped
	setting         func(*CollectionsConfig) CollectionConfig
	// takes tells whether a record that is no uptime check belongs there.
	takes   func(*analytics.Record) bool
	indexes []index
	family  rollup.Family                   // of formAggregate
	mixed   func(*CollectionsConfig) string // of formAggregate: the collection of all organisations, if any
}

// networkCode marks what is no HTTP request, but one second of a TCP API. Tyk Pump
// keeps those out of MongoDB.
const networkCode = -1

// The kinds (contract: records and raw stores, sections 4.1, 4.2, 4.4 and 4.8;
// aggregates, sections 2 and 5.4).
var collectionKinds = []*collectionKind{
	{
		key: "requests", form: formRequest, capped: true, indexes: wideIndexes,
		setting: func(c *CollectionsConfig) CollectionConfig { return c.Requests },
		takes:   func(r *analytics.Record) bool { return !r.MCP.IsMCP && r.ResponseCode != networkCode },
	},
	{
		key: "organisations", form: formRequest, perOrganisation: true, indexes: organisationIndexes,
		setting: func(c *CollectionsConfig) CollectionConfig {
			return CollectionConfig{Enabled: c.Organisations.Enabled, Name: organisationPrefix}
		},
		takes: func(r *analytics.Record) bool {
			return !r.MCP.IsMCP && r.ResponseCode != networkCode && r.OrgID != ""
		},
	},
	{
		key: "graph", form: formGraph, capped: true, indexes: wideIndexes,
		setting: func(c *CollectionsConfig) CollectionConfig { return c.Graph },
		takes:   func(r *analytics.Record) bool { return r.GraphQL.IsGraphQL && r.ResponseCode != networkCode },
	},
	{
		key: "mcp", form: formMCP, capped: true, indexes: wideIndexes,
		setting: func(c *CollectionsConfig) CollectionConfig { return c.MCP },
		takes:   func(r *analytics.Record) bool { return r.MCP.IsMCP && r.ResponseCode != networkCode },
	},
	{
		key: "uptime", form: formUptime, capped: true, indexes: wideIndexes,
		setting: func(c *CollectionsConfig) CollectionConfig { return c.Uptime },
		takes:   func(*analytics.Record) bool { return false },
	},
	{
		key: "aggregates", form: formAggregate, perOrganisation: true, indexes: aggregateIndexes, family: rollup.Requests,
		setting: func(c *CollectionsConfig) CollectionConfig {
			return CollectionConfig{Enabled: c.Aggregates.Enabled, Name: rollupPrefix}
		},
		takes: func(*analytics.Record) bool { return false },
		mixed: func(c *CollectionsConfig) string { return c.Aggregates.mixed("tyk_analytics_aggregates") },
	},
	{
		key: "mcp_aggregates", form: formAggregate, perOrganisation: true, indexes: aggregateIndexes, family: rollup.MCP,
		setting: func(c *CollectionsConfig) CollectionConfig {
			return CollectionConfig{Enabled: c.MCPAggregates.Enabled, Name: mcpRollupPrefix}
		},
		takes: func(*analytics.Record) bool { return false },
		mixed: func(c *CollectionsConfig) string { return c.MCPAggregates.mixed("tyk_mcp_analytics_aggregate") },
	},
}

// index is an index of a collection.
type index struct {
	name string
	keys bson.D
	// expires makes documents vanish at the time that their key says.
	expires bool
}

const (
	ascending  = int32(1)
	descending = int32(-1)
)

var (
	apiIndex = index{name: "apiid_1", keys: bson.D{{Key: "apiid", Value: ascending}}}
	// wideIndexes are those of collections of many organisations.
	wideIndexes = []index{
		{name: "orgid_1", keys: bson.D{{Key: "orgid", Value: ascending}}},
		apiIndex,
		{name: "logBrowserIndex", keys: bson.D{
			{Key: "timestamp", Value: descending},
			{Key: "orgid", Value: ascending},
			{Key: "apiid", Value: ascending},
			{Key: "apikey", Value: ascending},
			{Key: "responsecode", Value: ascending},
		}},
	}
	expiryIndex      = index{name: "expireAt_1", keys: bson.D{{Key: "expireAt", Value: ascending}}, expires: true}
	aggregateIndexes = []index{
		expiryIndex,
		{name: "timestamp_1", keys: bson.D{{Key: "timestamp", Value: ascending}}},
		{name: "orgid_1", keys: bson.D{{Key: "orgid", Value: ascending}}},
	}
	organisationIndexes = []index{
		apiIndex,
		expiryIndex,
		{name: "logBrowserIndex", keys: bson.D{
			{Key: "timestamp", Value: descending},
			{Key: "apiid", Value: ascending},
			{Key: "apikey", Value: ascending},
			{Key: "responsecode", Value: ascending},
		}},
	}
)

// enabledKinds are the kinds to be written.
func (c *Config) enabledKinds() []*collectionKind {
	var kinds []*collectionKind
	for _, k := range collectionKinds {
		if k.setting(&c.Collections).Enabled {
			kinds = append(kinds, k)
		}
	}
	return kinds
}
