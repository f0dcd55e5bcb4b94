package sandbox

import (
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
	// HealthPort is where its health endpoint listens.
	HealthPort int
}

// Store is a store of a side.
type Store struct {
	// Driver is postgres, mysql, sqlite or mongo.
	Driver string
	// Address is the derived one, with its credentials.
	Address string
	// Label names it without them.
	Label string
	// create makes what the address names, a schema or a database.
	create func() (driver, address, statement string)
}

// Sandbox is one side.
type Sandbox struct {
	// Config is its pump.conf, which holds credentials.
	Config []byte
	Stores []Store
	// Skipped says which pumps are left out, and why.
	Skipped []string
}

// Derive makes the sandbox of a side.
func Derive(s *settings.Settings, side Side) (*Sandbox, error) {
	b := &Sandbox{}
	config := s.Global.Object()
	for _, unwanted := range []string{"pumps", "analytics_storage_config", "uptime_pump_config", "kv", "omit_config_file", "statsd_connection_string"} {
		delete(config, unwanted)
	}
	config["analytics_storage_type"] = "redis"
	config["health_check_endpoint_port"] = side.HealthPort
	config["analytics_storage_config"] = map[string]any{
		"type": "redis", "host": side.Redis.Host, "port": side.Redis.Port, "database": side.Redis.Database, "username": side.Redis.Username, "password": side.Redis.Password,
	}
	pumps := map[string]any{}
	for _, p := range s.Pumps {
		meta := p.Meta.Object()
		reason, err := b.move(p.Type.Name, p.Meta, meta, side)
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
		reason, err := b.move(kind, s.Uptime, uptime, side)
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
	if len(b.Stores) == 0 {
		return nil, fmt.Errorf("no pump has a store that can be compared: %s", strings.Join(b.Skipped, "; "))
	}
	var err error
	b.Config, err = json.MarshalIndent(config, "", "  ")
	return b, err
}

// move puts the derived address into a pump's meta. A reason says why the pump takes no part.
func (b *Sandbox) move(kind string, g *settings.Group, meta map[string]any, side Side) (reason string, err error) {
	var store Store
	switch {
	case strings.HasPrefix(kind, "sql"):
		store, err = sqlStore(g.Text("type"), g.Text("connection_string"), side.Suffix)
		meta["connection_string"] = store.Address
	case strings.HasPrefix(kind, "mongo"):
		store, err = mongoStore(g.Text("mongo_url"), side.Suffix)
		meta["mongo_url"] = store.Address
	case kind == "dummy":
		return "it stores nothing", nil
	default:
		return "what it sends cannot be read back here", nil
	}
	if err != nil {
		return "", err
	}
	if !slices.ContainsFunc(b.Stores, func(o Store) bool { return o.Address == store.Address }) {
		b.Stores = append(b.Stores, store)
	}
	return "", nil
}
