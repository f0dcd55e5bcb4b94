package pumpconf

import (
	"encoding/base64"
	"slices"
	"strconv"
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/internal/indexname"
	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/settings"
	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/tree"
)

const (
	defaultIndex        = "tyk_analytics"
	defaultDocumentType = "tyk_analytics"
)

// elasticsearch makes the unit of an elasticsearch pump.
func (c *converter) elasticsearch(p *settings.Pump) *unit {
	g := p.Meta
	version := g.Text("version")
	if !slices.Contains([]string{"", "3", "5", "6", "7"}, version) {
		c.Error(g.Place("version"), "%s ends Tyk Pump: write \"7\" if the server is 7 or newer, or OpenSearch", g.Shown("version"))
		return nil
	}
	endpoints, hosts, credentials := c.elasticEndpoints(g)
	if len(hosts) == 0 {
		return nil
	}
	u := newUnit(p, httpDestination("elasticsearch", "elasticsearch", hosts), "tykopensearch")
	u.filter = c.filter(p, nil)
	if g.Bool("decode_base64") {
		u.filter.Sub("fields").Note("decode_raw_request", true, from(g, "decode_base64")).Set("decode_raw_response", true)
	}
	m := u.store.config
	c.elasticServers(g, m, endpoints, credentials)
	for _, key := range []string{"index_name", "mcp_index_name"} {
		if !g.Set(key) {
			continue
		}
		switch err := indexname.Check(g.Text(key)); {
		case err == nil:
		case g.Shown(key) == strconv.Quote(g.Text(key)):
			c.Error(g.Place(key), "%v", err)
		default:
			c.Error(g.Place(key), "the value is no name that servers take: use small letters, digits, -, _ and ., with a letter first")
		}
	}
	m.Note("index_name", orDefault(g.Text("index_name"), defaultIndex), from(g, "index_name"))
	c.elasticType(g, m, version)
	switch mcp := g.Text("mcp_index_name"); {
	case mcp == "":
	case g.Bool("disable_bulk"):
		c.Info(g.Place("mcp_index_name"), "not taken over: Tyk Pump ignores it with disable_bulk")
	default:
		m.Note("mcp_index_name", mcp, from(g, "mcp_index_name"))
	}
	copyRows(g, "exporter", m)
	if g.Bool("use_sniffing") {
		c.Warn(g.Place("use_sniffing"), "is not taken over: name all servers that may be asked in elasticsearch_url")
	}
	c.elasticLogin(g, m)
	if g.Bool("use_ssl") {
		tls := tree.New()
		c.certificates(g, tls)
		if tls.Len() > 0 {
			m.Set("tls", tls)
		}
	}
	c.longerTimeout(p, m, ownTimeout)
	return u
}

func orDefault(text, standard string) string {
	if text == "" {
		return standard
	}
	return text
}

// elasticEndpoints reads the list of servers, and whether they hold credentials.
func (c *converter) elasticEndpoints(g *settings.Group) (endpoints, hosts []string, credentials bool) {
	text := g.Text("elasticsearch_url")
	if text == "" {
		text = "http://localhost:9200"
	}
	for part := range strings.SplitSeq(text, ",") {
		url, host, err := readURL(part)
		if err != nil {
			c.Error(g.Place("elasticsearch_url"), "%v", err)
			return nil, nil, false
		}
		credentials = credentials || strings.ContainsAny(part, "@?#")
		endpoints, hosts = append(endpoints, strings.TrimSpace(part)), append(hosts, url.Scheme+"://"+host)
	}
	slices.Sort(hosts)
	return endpoints, slices.Compact(hosts), credentials
}

// elasticServers says where the servers are.
func (c *converter) elasticServers(g *settings.Group, m *tree.Map, endpoints []string, credentials bool) {
	if len(endpoints) == 1 {
		m.Note("endpoint", c.hidden(g, "elasticsearch_url", endpoints[0], credentials), from(g, "elasticsearch_url"))
		return
	}
	list := make([]any, len(endpoints))
	for i := range endpoints {
		list[i] = endpoints[i]
		if credentials {
			list[i] = c.secret(g, "elasticsearch_url", endpoints[i])
		}
	}
	m.Note("endpoints", list, from(g, "elasticsearch_url"))
}

// elasticType gives documents a type where the version's servers need one.
func (c *converter) elasticType(g *settings.Group, m *tree.Map, version string) {
	if version == "7" {
		if g.Set("document_type") {
			c.Info(g.Place("document_type"), "not needed: servers from 7 on have none")
		}
		return
	}
	m.Note("document_type", orDefault(g.Text("document_type"), defaultDocumentType), from(g, "document_type"))
	if version != "5" && version != "6" {
		c.Warn(g.Place("version"), "%s is for Elasticsearch 2, which is not tested: set version to \"5\", \"6\" or \"7\", as the server is; \"7\" is for all from 7 on and for OpenSearch", orDefault(version, "3, the default,"))
	}
}

// elasticLogin takes credentials over, of which an API key wins.
func (c *converter) elasticLogin(g *settings.Group, m *tree.Map) {
	id, key := g.Text("auth_api_key_id"), g.Text("auth_api_key")
	user, password := g.Text("auth_basic_username"), g.Text("auth_basic_password")
	switch {
	case id != "" && key != "":
		m.Note("api_key", c.secret(g, "auth_api_key", base64.StdEncoding.EncodeToString([]byte(id+":"+key))), "id and key, in base64")
		if user != "" {
			c.Info(g.Place("auth_basic_username"), "not taken over: the API key wins")
		}
		if g.Bool("use_ssl") {
			c.Info(g.Place("auth_api_key"), "is sent here; with use_ssl Tyk Pump sends no credentials")
		}
	case user != "" && password != "":
		m.Note("username", user, from(g, "auth_basic_username"))
		m.Note("password", c.secret(g, "auth_basic_password", password), from(g, "auth_basic_password"))
	}
}
