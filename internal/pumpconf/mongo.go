package pumpconf

import (
	"fmt"
	"slices"
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/settings"
	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/tree"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rollup"
)

// mongo makes the unit of the six types of Mongo.
func (c *converter) mongo(p *settings.Pump) *unit {
	u := &unit{}
	to, ok := c.mongoConnection(p.Meta, u)
	if !ok {
		return nil
	}
	config := u.store.config
	u = newUnit(p, to, "tykmongo")
	u.store.config, u.partsKey, u.parts = config, "collections", tree.New()
	c.longerTimeout(p, config, ownTimeout)
	u.filter = c.filter(p, nil)
	switch p.Type.Name {
	case "mongo":
		if p.Meta.Text("collection_name") == "" {
			c.Error(p.Meta.Place("collection_name"), "is missing, with which Tyk Pump ends at its first write: name the collection, mostly tyk_analytics")
			return nil
		}
		c.collection(u, p.Meta, "requests", p.Meta.Text("collection_name"))
	case "mongo-graph":
		c.collection(u, p.Meta, "graph", c.collectionName(p, "tyk_graph_analytics"))
	case "mongo-mcp":
		c.collection(u, p.Meta, "mcp", c.collectionName(p, "tyk_mcp_analytics"))
	case "mongo-pump-selective":
		u.parts.Set("organisations", enabled())
		c.needs(p, "org_id", "stores nothing")
	case "mongo-pump-aggregate":
		c.mongoRollups(p, u, "aggregates")
	case "mongo-mcp-aggregate":
		c.mongoRollups(p, u, "mcp_aggregates")
	}
	c.mongoSizes(p.Meta, config)
	return u
}

// ownTimeout is the seconds that an attempt of tyksql and tykmongo may take.
const ownTimeout = 30

func enabled() *tree.Map { return tree.New().Set("enabled", true) }

// mongoConnection reads where a Mongo is, for pumps and uptime checks.
func (c *converter) mongoConnection(g *settings.Group, u *unit) (destination, bool) {
	config := tree.New()
	u.store = component{kind: "tykmongo", config: config}
	text := g.Text("mongo_url")
	if text == "" {
		c.Error(g.Place("mongo_url"), "is missing, with which Tyk Pump ends: write mongodb://host:27017/tyk_analytics")
		return destination{}, false
	}
	driver := g.Text("driver")
	if driver != "" && driver != "mgo" && driver != "mongo-go" {
		c.Error(g.Place("driver"), "%s ends Tyk Pump: write mongo-go, or take it out", g.Shown("driver"))
	}
	uri, err := readMongoURI(text, g.Bool("mongo_direct_connection"), driver == "mgo")
	if err != nil {
		c.Error(g.Place("mongo_url"), "the value (not shown, it may hold a password) %v", err)
		return destination{}, false
	}
	if uri.blank {
		c.Warn(g.Place("mongo_url"), "user or password has a blank, which becomes a plus, as in Tyk Pump, and the server may refuse it: use one without")
	}
	config.Note("uri", c.hidden(g, "mongo_url", uri.text, uri.credentials), from(g, "mongo_url"))
	c.mongoTLS(g, config, uri)
	switch kind := g.Int("mongo_db_type"); kind {
	case 0:
	case 1, 2:
		config.Note("mongo_db_type", kind, from(g, "mongo_db_type"))
	default:
		c.Error(g.Place("mongo_db_type"), "%d is unknown: write 0 for MongoDB, 1 for Amazon DocumentDB or 2 for Azure Cosmos DB", kind)
	}
	copyRows(g, "exporter", config)
	if config.Get("collection_cap_enable") == true {
		switch size := g.Int("collection_cap_max_size_bytes"); {
		case size > 0:
			config.Note("collection_cap_max_size_bytes", size, from(g, "collection_cap_max_size_bytes"))
		case size < 0:
			c.Warn(g.Place("collection_cap_max_size_bytes"), "%d is no size, and not taken over: the default is used", size)
		}
	}
	hosts := strings.Join(uri.hosts, ",")
	return destination{
		family: "mongo", identity: "mongo " + hosts + "/" + uri.database, same: "mongo " + sameHosts(uri.hosts, mongoPort) + "/" + uri.database,
		key: "uri", servers: uri.same, group: "mongo." + uri.hosts[0] + "." + uri.database,
		label: fmt.Sprintf("mongodb %s, database %s", hosts, uri.database),
	}, true
}

func (c *converter) mongoTLS(g *settings.Group, config *tree.Map, uri *mongoURI) {
	if !g.Bool("mongo_use_ssl") {
		return
	}
	if uri.tls {
		for _, key := range []string{"mongo_use_ssl", "mongo_ssl_insecure_skip_verify", "mongo_ssl_allow_invalid_hostnames", "mongo_ssl_ca_file", "mongo_ssl_pem_keyfile"} {
			if g.Set(key) {
				c.Info(g.Place(key), "not taken over: the options of mongo_url say what counts, as in Tyk Pump")
			}
		}
		return
	}
	tls := config.Sub("tls").Note("insecure", false, from(g, "mongo_use_ssl"))
	if g.Bool("mongo_ssl_insecure_skip_verify") {
		tls.Note("insecure_skip_verify", true, from(g, "mongo_ssl_insecure_skip_verify"))
	}
	if file := g.Text("mongo_ssl_ca_file"); file != "" {
		tls.Note("ca_file", file, from(g, "mongo_ssl_ca_file"))
	}
	if file := g.Text("mongo_ssl_pem_keyfile"); file != "" {
		tls.Note("cert_file", file, from(g, "mongo_ssl_pem_keyfile")).Set("key_file", file)
	}
	if g.Bool("mongo_ssl_allow_invalid_hostnames") {
		config.Note("mongo_ssl_allow_invalid_hostnames", true, from(g, "mongo_ssl_allow_invalid_hostnames"))
	}
}

func (c *converter) mongoSizes(g *settings.Group, config *tree.Map) {
	const largest, smallest = 16 << 20, 1024
	for _, key := range []string{"max_insert_batch_size_bytes", "max_document_size_bytes"} {
		size := g.Int(key)
		switch {
		case size <= 0:
			continue
		case size > largest:
			c.Info(g.Place(key), "%d is more than the databases take: %d is used", size, largest)
			size = largest
		case size < smallest && key == "max_document_size_bytes":
			c.Info(g.Place(key), "%d is less than any record takes: %d is used, with which requests and responses are left out", size, smallest)
			size = smallest
		}
		config.Note(key, size, from(g, key))
	}
}

// collectionName is that of a graph or MCP pump, which must have one in Tyk Pump.
func (c *converter) collectionName(p *settings.Pump, standard string) string {
	if name := p.Meta.Text("collection_name"); name != "" {
		return name
	}
	c.Warn(p.Meta.Place("collection_name"), "is missing, with which every write of Tyk Pump fails: %s is used", standard)
	return standard
}

func (c *converter) collection(u *unit, g *settings.Group, key, name string) {
	reserved := strings.HasPrefix(name, "z_tyk_analyticz_") || strings.HasPrefix(name, "z_tyk_mcp_analyticz_") ||
		name == "tyk_analytics_aggregates" || name == "tyk_mcp_analytics_aggregate"
	const longest = 190
	switch {
	case reserved:
		c.Error(g.Place("collection_name"), "%s could be a collection of an organisation or of rollups, whose documents are others: use another name", g.Shown("collection_name"))
	case len(name) > longest || strings.ContainsAny(name, "$\x00") || strings.HasPrefix(name, "system."):
		c.Error(g.Place("collection_name"), "%s is not a collection's name: use 1 to %d bytes without $ that do not begin with system.", g.Shown("collection_name"), longest)
	}
	u.parts.Set(key, enabled().Note("name", name, from(g, "collection_name")))
}

func (c *converter) mongoRollups(p *settings.Pump, u *unit, key string) {
	part := enabled()
	if p.Meta.Bool("use_mixed_collection") {
		part.Note("use_mixed_collection", true, from(p.Meta, "use_mixed_collection"))
	}
	u.parts.Set(key, part)
	u.rollups = c.rollups(p)
	if minutes := p.Meta.Int("aggregation_time"); minutes >= 1 && minutes < 60 {
		u.rollups.Note("aggregation_time", fmt.Sprintf("%dm", minutes), from(p.Meta, "aggregation_time"))
	}
	var ignored []string
	for _, name := range p.Meta.List("ignore_aggregations") {
		if _, err := rollup.ParseDimension(name); err != nil {
			c.Warn(p.Meta.Place("ignore_aggregations"), "%s It is left out, as Tyk Pump finds no such dimension either", sentence(err.Error()))
			continue
		}
		ignored = append(ignored, name)
	}
	if len(ignored) > 0 {
		u.rollups.Note("ignore_aggregations", ignored, from(p.Meta, "ignore_aggregations"))
	}
}

// rollups makes the tykaggregate of a pump of rollups.
func (c *converter) rollups(p *settings.Pump) *tree.Map {
	m := tree.New()
	copyRows(p.Meta, "aggregate", m)
	if tags := p.Meta.Int("threshold_len_tag_list"); tags != 0 {
		m.Note("threshold_len_tag_list", max(tags, -1), from(p.Meta, "threshold_len_tag_list"))
	}
	m.Note("timezone", c.in.Zone.Name, "<- "+c.in.Zone.Origin)
	c.needs(p, "org_id", "counts nothing")
	c.needs(p, "timestamp", "books all requests in the year 1")
	return m
}

// needs refuses a pump that ignores a field by which records get to their place.
func (c *converter) needs(p *settings.Pump, field, without string) {
	if slices.Contains(p.Common.List("ignore_fields"), field) {
		c.refuse(p, p.Common.Place("ignore_fields"), "has %s, without which Tyk Pump %s: leave it out", field, without)
	}
}
