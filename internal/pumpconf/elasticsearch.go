package pumpconf

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/settings"
	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/tree"
)

const defaultIndex = "tyk_analytics"

// elasticsearch makes the unit of an elasticsearch pump.
func (c *converter) elasticsearch(p *settings.Pump) *unit {
	g := p.Meta
	switch version := g.Text("version"); version {
	case "7":
	case "", "3", "5", "6":
		c.refuse(p, g.Place("version"), "otelcol-tyk has no exporter for Elasticsearch before 7.17, which version %s means. If the server is newer, set version to \"7\"", orDefault(version, "3, the default,"))
		return nil
	default:
		c.Error(g.Place("version"), "%s ends Tyk Pump: write \"7\" if the server is 7.17 or newer", g.Shown("version"))
		return nil
	}
	endpoints, hosts, credentials := c.elasticEndpoints(g)
	if len(hosts) == 0 {
		return nil
	}
	u := newUnit(p, httpDestination("elasticsearch", "elasticsearch", hosts), "elasticsearch")
	format := "elasticsearch"
	if g.Bool("extended_stats") {
		format = "elasticsearch_extended"
	}
	u.filter = c.filter(p, tree.New().Note("format", format, from(g, "extended_stats")))
	if g.Bool("decode_base64") {
		u.filter.Sub("fields").Note("decode_raw_request", true, from(g, "decode_base64")).Set("decode_raw_response", true)
	}
	m := u.store.config
	list := make([]any, len(endpoints))
	for i := range endpoints {
		list[i] = endpoints[i]
		if credentials {
			list[i] = c.secret(g, "elasticsearch_url", endpoints[i])
		}
	}
	m.Note("endpoints", list, from(g, "elasticsearch_url"))
	c.elasticIndex(g, u)
	copyRows(g, "exporter", m)
	c.elasticLogin(g, m)
	if g.Bool("use_ssl") {
		tls := tree.New()
		certificates(g, tls)
		if tls.Len() > 0 {
			m.Set("tls", tls)
		}
	}
	m.Path("logs_dynamic_id.enabled", true, "a record that is delivered again is not stored again")
	m.Set("suppress_conflict_errors", true)
	m.Note("timeout", "1h", "it gives documents up once its own retries are used up, so there is no end to them")
	retry := m.Sub("retry")
	retry.Set("max_retries", int64(1_000_000)).Set("max_interval", "30s")
	retry.Set("retry_on_status", []any{int64(403), int64(404), int64(408), int64(429), int64(500), int64(502), int64(503), int64(504), int64(507)})
	m.Path("sending_queue.enabled", false, "records leave Redis when they are stored")
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

// elasticIndex says which index a document goes to.
func (c *converter) elasticIndex(g *settings.Group, u *unit) {
	index, mcp := orDefault(g.Text("index_name"), defaultIndex), g.Text("mcp_index_name")
	if mcp == "" || g.Bool("disable_bulk") {
		if mcp != "" {
			c.Info(g.Place("mcp_index_name"), "not taken over: Tyk Pump ignores it with disable_bulk")
		}
		u.store.config.Note("logs_index", index, from(g, "index_name"))
		return
	}
	u.after = append(u.after, transform([]any{
		fmt.Sprintf(`set(attributes["elasticsearch.index"], %s)`, strconv.Quote(index)),
		fmt.Sprintf(`set(attributes["elasticsearch.index"], %s) where body["mcp_method"] != nil`, strconv.Quote(mcp)),
	}, from(g, "mcp_index_name")))
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
		m.Note("user", user, from(g, "auth_basic_username"))
		m.Note("password", c.secret(g, "auth_basic_password", password), from(g, "auth_basic_password"))
	}
}
