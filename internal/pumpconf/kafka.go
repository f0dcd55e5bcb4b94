package pumpconf

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/settings"
	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/tree"
)

// stored makes a stock exporter answer when the record is stored, and try for ever.
func stored(config *tree.Map) {
	config.Path("sending_queue.enabled", false, "records leave Redis when they are stored")
	config.Path("retry_on_failure.max_elapsed_time", int64(0), "")
}

// kafka makes the unit of a kafka pump.
func (c *converter) kafka(p *settings.Pump) *unit {
	g := p.Meta
	brokers := g.List("broker")
	if len(brokers) == 0 {
		c.Error(g.Place("broker"), "is missing, with which Tyk Pump ends: name the brokers, as host:port")
	}
	if g.Text("topic") == "" {
		c.Error(g.Place("topic"), "is missing, with which Tyk Pump ends: name the topic")
	}
	if !c.hostNames(g, "broker", brokers) {
		return nil
	}
	hosts := slices.Sorted(slices.Values(brokers))
	all := strings.Join(hosts, ",")
	same := sameHosts(hosts, "9092")
	u := newUnit(p, destination{
		family: "kafka", identity: "kafka " + all, same: "kafka " + same, key: "brokers", servers: same, group: "kafka." + hosts[0], label: "kafka " + all,
	}, "kafka")
	u.filter = c.filter(p, tree.New().Set("format", "kafka"))
	if data := g.Map("meta_data"); len(data) > 0 {
		u.after = append(u.after, c.kafkaData(g, data))
	}
	m := u.store.config
	copyRows(g, "exporter", m)
	logs := m.Sub("logs")
	logs.Set("encoding", "raw")
	timeout := g.Pause("timeout")
	if timeout <= 0 {
		m.Note("timeout", "10s", from(g, "timeout"))
	} else {
		m.Note("timeout", timeout.String(), from(g, "timeout"))
	}
	producer := m.Sub("producer")
	producer.Note("required_acks", "all", "Tyk Pump's")
	if g.Bool("compressed") {
		producer.Note("compression", "snappy", from(g, "compressed"))
	} else {
		producer.Set("compression", "none")
	}
	size := g.Int("batch_bytes")
	if size <= 0 {
		size = 1 << 20
	}
	producer.Note("max_message_bytes", size, from(g, "batch_bytes"))
	m.Path("record_partitioner.least_backup", tree.New(), "")
	if g.Bool("use_ssl") {
		tls := m.Sub("tls").Note("insecure", false, from(g, "use_ssl"))
		c.certificates(g, tls)
	}
	c.kafkaLogin(g, m)
	stored(m)
	c.Warn(u.place, "messages have no key and no headers, as before; one that is too big becomes a dead letter instead of losing the rest of its batch")
	return u
}

// kafkaData sets keys that each message has. Their values are secrets: some are tokens.
func (c *converter) kafkaData(g *settings.Group, data map[string]string) component {
	var statements []any
	note := from(g, "meta_data")
	for _, key := range slices.Sorted(maps.Keys(data)) {
		quoted := strconv.Quote(data[key])
		secret := c.secret(g, "meta_data."+key, quoted[1:len(quoted)-1])
		secret.Before, secret.After = "set(body["+strconv.Quote(key)+`], "`, `")`
		statements = append(statements, secret)
		if secret.Text != data[key] {
			note = from(g, "meta_data") + `; in its variables each " and \ needs a backslash before it`
		}
	}
	return transform(statements, note)
}

// hostName is what hosts with ports look like; anything else could hold credentials.
var hostName = regexp.MustCompile(`^[A-Za-z0-9._:\[\]-]+$`)

// hostNames tells whether a list is one of servers.
func (c *converter) hostNames(g *settings.Group, key string, hosts []string) bool {
	if slices.ContainsFunc(hosts, func(host string) bool { return !hostName.MatchString(host) }) {
		c.Error(g.Place(key), "has an element that is no server: write host:port each")
		return false
	}
	return len(hosts) > 0
}

// kafkaLogin takes the user and password over.
func (c *converter) kafkaLogin(g *settings.Group, m *tree.Map) {
	var mechanism string
	switch g.Text("sasl_mechanism") {
	case "":
		return
	case "plain", "PLAIN":
		mechanism = "PLAIN"
		if g.Set("sasl_algorithm") {
			c.Info(g.Place("sasl_algorithm"), "not taken over: the mechanism plain has none")
		}
	case "scram", "SCRAM":
		mechanism = "SCRAM-SHA-256"
		switch algorithm := g.Text("sasl_algorithm"); {
		case strings.EqualFold(algorithm, "sha-512"):
			mechanism = "SCRAM-SHA-512"
		case algorithm != "" && !strings.EqualFold(algorithm, "sha-256"):
			c.Warn(g.Place("sasl_algorithm"), "%s is neither sha-256 nor sha-512: sha-256 is used, as in Tyk Pump; write the one that the brokers have", g.Shown("sasl_algorithm"))
		}
	default:
		c.Error(g.Place("sasl_mechanism"), "%s is neither plain nor scram, so Tyk Pump connects without credentials: correct it, or take it out", g.Shown("sasl_mechanism"))
		return
	}
	for _, key := range []string{"sasl_username", "sasl_password"} {
		if !g.Set(key) {
			c.Error(g.Place(key), "is missing, and sasl_mechanism asks for it: set it, or take sasl_mechanism out")
		}
	}
	sasl := m.Sub("auth").Sub("sasl")
	sasl.Note("mechanism", mechanism, from(g, "sasl_mechanism"))
	sasl.Note("username", g.Text("sasl_username"), from(g, "sasl_username"))
	if password := g.Text("sasl_password"); password != "" {
		sasl.Note("password", c.secret(g, "sasl_password", password), from(g, "sasl_password"))
	}
}

// transform makes a processor of statements on log records.
func transform(statements []any, note string) component {
	block := tree.New().Set("context", "log").Set("statements", statements)
	return component{kind: "transform", config: tree.New().Set("log_statements", []any{block}), note: note}
}
