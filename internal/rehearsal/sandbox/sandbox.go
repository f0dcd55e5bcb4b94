package sandbox

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/settings"
)

// Redis is where the records of one side come from.
type Redis struct {
	Host               string
	Port, Database     int
	Username, Password string
}

// Side is one of the two that store.
type Side struct {
	// Suffix is what the names of its stores end with.
	Suffix string
	Redis  Redis
	// FreePort finds ports for what listens.
	FreePort func() (int, error)
}

// Store is a store of a side.
type Store struct {
	// Driver is postgres, mysql or mongo.
	Driver string
	// Address is the derived one, with its credentials.
	Address string
	// Label names it without them.
	Label string
	// real is the label of the real one.
	real string
	// schema is that of PostgreSQL.
	schema string
	// create makes what the address names, a schema or a database.
	create func() (driver, address, statement string)
}

// Sandbox is one side.
type Sandbox struct {
	// Config is its pump.conf, which holds credentials.
	Config []byte
	// Stores are compared row by row.
	Stores []Store
	// Pages are compared as scrapes.
	Pages []Page
	// Places are written to, and not compared.
	Places []Place
	// Skipped says which pumps are left out, and why.
	Skipped []string

	// real names the pumps of the real places, by label; derived are the labels of this side's.
	real    map[string]string
	derived []string
}

// Derive makes the sandbox of a side. Pumps with the names of leftOut are those that otelcol-tyk does not run.
func Derive(s *settings.Settings, leftOut []string, side Side) (*Sandbox, error) {
	b := &Sandbox{real: map[string]string{}}
	health, err := side.FreePort()
	if err != nil {
		return nil, fmt.Errorf("health_check_endpoint_port: %w", err)
	}
	config := s.Global.Object()
	for _, unwanted := range []string{"pumps", "analytics_storage_config", "uptime_pump_config", "kv", "omit_config_file", "statsd_connection_string"} {
		delete(config, unwanted)
	}
	config["analytics_storage_type"] = "redis"
	config["health_check_endpoint_port"] = health
	config["analytics_storage_config"] = map[string]any{
		"type": "redis", "host": side.Redis.Host, "port": side.Redis.Port, "database": side.Redis.Database, "username": side.Redis.Username, "password": side.Redis.Password,
	}
	pumps := map[string]any{}
	for _, p := range s.Pumps {
		meta := p.Meta.Object()
		if slices.Contains(leftOut, p.Name) {
			b.Skipped = append(b.Skipped, fmt.Sprintf("pump %s (%s): tykctl convert says why it cannot run", p.Name, p.Type.Name))
			continue
		}
		reason, err := b.move(p.Name, p.Type.Name, p.Meta, meta, side)
		if err != nil {
			return nil, fmt.Errorf("pumps.%s: %w", p.Name, err)
		}
		if reason != "" {
			b.Skipped = append(b.Skipped, fmt.Sprintf("pump %s (%s): %s", p.Name, p.Type.Name, reason))
			continue
		}
		pump := p.Common.Object()
		pump["type"], pump["meta"] = p.Type.Name, meta
		pumps[p.Name] = pump
	}
	config["pumps"] = pumps
	if !s.Global.Bool("dont_purge_uptime_data") {
		uptime := s.Uptime.Object()
		kind := "mongo"
		if s.Uptime.Text("uptime_type") == "sql" {
			kind = "sql"
		}
		reason, err := b.move("uptime checks", kind, s.Uptime, uptime, side)
		switch {
		case err != nil:
			return nil, fmt.Errorf("uptime_pump_config: %w", err)
		case reason != "":
			b.Skipped = append(b.Skipped, "uptime checks: "+reason)
			config["dont_purge_uptime_data"] = true
		default:
			config["uptime_pump_config"] = uptime
		}
	}
	if len(b.Stores)+len(b.Pages)+len(b.Places) == 0 {
		return nil, fmt.Errorf("no pump has a place that a rehearsal can be kept in: %s", strings.Join(b.Skipped, "; "))
	}
	if err := b.apart(); err != nil {
		return nil, err
	}
	b.Config, err = json.MarshalIndent(config, "", "  ")
	return b, err
}

// move puts the derived address into a pump's meta. A reason says why the pump takes no part.
func (b *Sandbox) move(pump, kind string, g *settings.Group, meta map[string]any, side Side) (reason string, err error) {
	var store Store
	switch {
	case strings.HasPrefix(kind, "sql") && g.Text("type") == "sqlite":
		return "Tyk Pump has no SQLite since 1.12", nil
	case strings.HasPrefix(kind, "sql"):
		store, err = sqlStore(g.Text("type"), g.Text("connection_string"), side.Suffix)
		meta["connection_string"] = store.Address
	case strings.HasPrefix(kind, "mongo"):
		store, err = mongoStore(g.Text("mongo_url"), side.Suffix)
		meta["mongo_url"] = store.Address
	case kind == "prometheus":
		return "", b.listen(pump, g, meta, side)
	default:
		if k, ok := keepers[kind]; ok {
			return "", b.rename(pump, k, g, meta, side)
		}
		return cmp.Or(unnamed[kind], "it has no name that a rehearsal could change"), nil
	}
	if err != nil {
		return "", err
	}
	b.real[store.real] = pump
	b.derived = append(b.derived, store.Label)
	if !slices.ContainsFunc(b.Stores, func(o Store) bool { return o.Address == store.Address }) {
		b.Stores = append(b.Stores, store)
	}
	return "", nil
}
