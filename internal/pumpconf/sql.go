package pumpconf

import (
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/otelcol-tyk/otelcol-tyk/internal/datasource"
	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/settings"
	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/tree"
)

// sqlTables are the tables of the types, by the exporter's keys.
var sqlTables = map[string]struct {
	key, name string
	rollups   bool
}{
	"sql":                 {key: "requests"},
	"sql-graph":           {key: "graph", name: "tyk_analytics_graph"},
	"sql-mcp":             {key: "mcp", name: "tyk_analytics_mcp"},
	"sql_aggregate":       {key: "aggregated", rollups: true},
	"sql-graph-aggregate": {key: "graph_aggregated", rollups: true},
	"sql-mcp-aggregate":   {key: "mcp_aggregated", rollups: true},
}

// sql makes the unit of the six types of SQL.
func (c *converter) sql(p *settings.Pump) *unit {
	config, to, ok := c.sqlConnection(p.Meta)
	if !ok {
		return nil
	}
	u := newUnit(p, to, "tyksql")
	u.store.config, u.partsKey, u.parts = config, "tables", tree.New()
	u.filter = c.filter(p, nil)
	c.longerTimeout(p, config, ownTimeout)
	t := sqlTables[p.Type.Name]
	part := enabled()
	if t.name != "" {
		part.Note("name", c.tableName(p, t.name), from(p.Meta, "table_name"))
	}
	u.parts.Set(t.key, part)
	switch {
	case t.rollups:
		u.rollups = c.rollups(p)
	case p.Meta.Bool("table_sharding"):
		c.needs(p, "timestamp", "stores all requests in a table of the year 1")
	}
	return u
}

// plainTable is what tyksql takes for a table's name.
var plainTable = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_-]*$`)

// tableName is a pump's, if the exporter takes it, and all pumps of the type agree on it.
func (c *converter) tableName(p *settings.Pump, standard string) string {
	name := p.Meta.Text("table_name")
	if name == "" {
		name = standard
	}
	longest := 63
	if p.Meta.Bool("table_sharding") {
		longest = 37
	}
	if !plainTable.MatchString(name) || len(name) > longest {
		c.Error(p.Meta.Place("table_name"), "%s is a name that tyksql does not take: use at most %d letters, digits, underscores and dashes, and rename the table", p.Meta.Shown("table_name"), longest)
	}
	for _, other := range c.s.Pumps {
		theirs := other.Meta.Text("table_name")
		if theirs == "" {
			theirs = standard
		}
		if other.Type == p.Type && theirs != name {
			c.Error(p.Meta.Place("table_name"), "differs from that of pumps.%s: Tyk Pump writes both into one of these, whichever starts last: give them one name", other.Name)
		}
	}
	return name
}

// sqlConnection reads where a database is, for pumps and uptime checks.
func (c *converter) sqlConnection(g *settings.Group) (*tree.Map, destination, bool) {
	config := tree.New()
	driver, dsn := g.Text("type"), g.Text("connection_string")
	switch driver {
	case "postgres", "mysql":
	case "sqlite":
		c.Warn(g.Place("type"), "sqlite is refused by Tyk Pump since 1.12, and works here")
	default:
		c.Error(g.Place("type"), "%s is not a database: write postgres or mysql, in small letters; Tyk Pump leaves the pump out", orMissing(driver, g.Shown("type")))
	}
	if dsn == "" {
		c.Error(g.Place("connection_string"), "is missing: write a DSN such as host=localhost port=5432 dbname=tyk_analytics user=tyk")
		return nil, destination{}, false
	}
	place, err := readDSN(driver, dsn)
	if err == nil {
		err = refusal(driver, dsn)
	}
	if err != nil {
		c.Error(g.Place("connection_string"), "the value (not shown, it may hold a password) %v", err)
		return nil, destination{}, false
	}
	if place.family == "" {
		return nil, destination{}, false
	}
	config.Note("driver", driver, from(g, "type"))
	config.Note("datasource", c.hidden(g, "connection_string", dsn, place.credentials), from(g, "connection_string"))
	copyRows(g, "exporter", config)
	if driver == "postgres" && g.Bool("postgres.prefer_simple_protocol") {
		config.Path("postgres.prefer_simple_protocol", true, from(g, "postgres.prefer_simple_protocol"))
	}
	if c.in.Zone.Name != utc {
		config.Note("timezone", c.in.Zone.Name, "<- "+c.in.Zone.Origin)
	}
	return config, place.destination, true
}

// refusal is why tyksql does not take a DSN, without its key, which is another one in the file.
func refusal(driver, dsn string) error {
	err := datasource.CheckWritable(driver, dsn)
	var mistake datasource.Mistake
	if errors.As(err, &mistake) {
		return errors.New(string(mistake))
	}
	return err
}

func orMissing(text, shown string) string {
	if text == "" {
		return "nothing"
	}
	return shown
}

// ofAnotherKind are settings that only connection strings of ADO.NET, ODBC or JDBC have.
var ofAnotherKind = regexp.MustCompile(`(?i)^(?:server|host|port|database|dbname|uid|pwd|user|username|password)$|[^A-Za-z0-9_.]`)

// checkPlace refuses hosts and databases that hold the rest of a DSN, which may be a password.
// Its errors never show them.
func checkPlace(hosts []string, database string) error {
	all := strings.Join(hosts, "")
	switch {
	case strings.Contains(all+database, "@"):
		return errors.New("has an @ in host or database, which belongs to a password: percent-encode it, in a URL, or quote it")
	case strings.ContainsAny(all, ";=' \t") || strings.ContainsAny(database, ";=?&"):
		return errors.New("has a semicolon, an equals sign or the like in host or database, as connection strings of other drivers have them: write a DSN of this driver, with blanks between its settings")
	}
	return nil
}

// sqlPlace is what a DSN says of its database.
type sqlPlace struct {
	destination
	credentials bool
}

func newSQLPlace(family string, hosts []string, database string) sqlPlace {
	slices.Sort(hosts)
	hosts = slices.Compact(hosts)
	all := strings.Join(hosts, ",")
	return sqlPlace{destination: destination{
		family: family, identity: family + " " + all + "/" + database, same: family + " " + strings.ToLower(all) + "/" + database, group: family + "." + hosts[0] + "." + database,
		label: fmt.Sprintf("%s %s, database %s", family, all, database),
	}}
}

// readDSN finds out where a database is. Its errors never show the DSN.
func readDSN(driver, dsn string) (sqlPlace, error) {
	switch driver {
	case "postgres":
		config, err := pgconn.ParseConfig(dsn)
		if err != nil {
			return sqlPlace{}, errors.New(`is not a PostgreSQL DSN such as "host=localhost dbname=tyk_analytics user=tyk" nor a URL such as "postgres://tyk@localhost/tyk_analytics", or names a file that cannot be read`)
		}
		hosts := []string{net.JoinHostPort(config.Host, strconv.Itoa(int(config.Port)))}
		for _, other := range config.Fallbacks {
			hosts = append(hosts, net.JoinHostPort(other.Host, strconv.Itoa(int(other.Port))))
		}
		database := orDefault(config.Database, config.User) // as the server has it
		if err := checkPlace(hosts, database); err != nil {
			return sqlPlace{}, err
		}
		for name, value := range config.RuntimeParams {
			if ofAnotherKind.MatchString(name) || strings.Contains(value, ";") {
				return sqlPlace{}, errors.New(`has settings of another driver: write a DSN such as "host=localhost dbname=tyk_analytics user=tyk", in small letters and with blanks between`)
			}
		}
		place := newSQLPlace("postgres", hosts, database)
		place.credentials = strings.Contains(strings.ToLower(dsn), "pass") || strings.Contains(dsn, "@")
		for name := range config.RuntimeParams {
			// What is no setting that is known may be anything.
			place.credentials = place.credentials || !slices.Contains([]string{"timezone", "application_name", "search_path"}, strings.ToLower(name))
		}
		return place, nil
	case "mysql":
		config, err := mysql.ParseDSN(dsn)
		if err != nil {
			return sqlPlace{}, errors.New(`is not a DSN of MySQL's Go driver, such as "tyk:password@tcp(localhost:3306)/tyk_analytics"`)
		}
		if err := checkPlace([]string{config.Addr}, config.DBName); err != nil {
			return sqlPlace{}, err
		}
		place := newSQLPlace("mysql", []string{config.Addr}, config.DBName)
		place.credentials = config.Passwd != "" || len(config.Params) > 0
		return place, nil
	case "sqlite":
		file, _, options := strings.Cut(dsn, "?")
		place := newSQLPlace("sqlite", []string{file}, "main")
		place.same = "" // names of files differ by case
		place.credentials = options
		return place, nil
	}
	return sqlPlace{}, nil
}
