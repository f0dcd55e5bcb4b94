package pumpconf

import (
	"os"
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/secrets"
	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/settings"
	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/table"
	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/tree"
)

// DefaultFile is the file that Tyk Pump reads where none is named.
const DefaultFile = "pump.conf"

// Input is what a conversion starts from.
type Input struct {
	settings.Source
	// Debug is Tyk Pump's --debug.
	Debug bool
	// Zone is the time zone of the process.
	Zone Zone
}

// FromProcess gives the input of a file and this process' environment.
func FromProcess(file string) Input {
	if file == "" {
		file = DefaultFile
	}
	text, err := os.ReadFile(file)
	if err != nil {
		err = withoutPath(err)
	}
	env := map[string]string{}
	for _, pair := range os.Environ() {
		name, value, _ := strings.Cut(pair, "=")
		env[name] = value
	}
	return Input{Source: settings.Source{Name: file, Text: text, Err: err, Env: env, ReadFile: os.ReadFile, OpenStore: secrets.Open}, Zone: localZone(env)}
}

// Result is what a conversion made.
type Result struct {
	// Config is the collector's configuration, without what could not be honoured.
	Config *tree.Map
	// Findings are what the operator is told.
	Findings *settings.Findings
	// LeftOut names the pumps that are not in Config.
	LeftOut []string
	// Secrets names variables that the YAML refers to and that are not set yet.
	Secrets []string
	// Settings is what was read.
	Settings *settings.Settings
	in       Input
	owned    map[string]entry
}

// converter makes a configuration of settings.
type converter struct {
	*settings.Findings
	s       *settings.Settings
	in      Input
	units   []*unit
	leftOut []string
	secrets []string
	// secretTexts are the secrets by the variables that are to hold them.
	secretTexts map[string]string
	owned       map[string]entry // where findings of an object belong
}

// Convert makes the collector's configuration.
func Convert(in Input) *Result {
	c := &converter{Findings: &settings.Findings{}, in: in, owned: map[string]entry{}, secretTexts: map[string]string{}}
	c.s = settings.Load(in.Source, c.Findings)
	result := &Result{Config: tree.New(), Findings: c.Findings, Settings: c.s, in: in, owned: c.owned}
	if !c.s.Readable {
		return result
	}
	for _, p := range c.s.Pumps {
		c.pump(p)
	}
	c.tellRows(c.s.Global)
	c.tellRows(c.s.Redis)
	c.tellGlobal()
	uptime := c.uptime()
	c.assemble(result.Config, uptime)
	c.hideResolved(result.Config)
	result.LeftOut, result.Secrets = c.leftOut, c.secrets
	return result
}

// tellRows tells what the rows of a group's settings say of themselves.
func (c *converter) tellRows(g *settings.Group) {
	for i := range g.Section.Keys {
		row := &g.Section.Keys[i]
		if !g.Set(row.Name) {
			continue
		}
		if row.Unread(g.Set) {
			c.Info(g.Place(row.Name), "not taken over: without %s Tyk Pump does not look at it", row.With[0])
			continue
		}
		if row.Level == table.None {
			continue
		}
		text := row.Here
		if row.Why != "" {
			text += ": " + row.Why
		}
		c.Add(row.Level, g.Place(row.Name), "%s", text)
	}
}

// pump makes the units of one pump, or says why there are none.
func (c *converter) pump(p *settings.Pump) {
	place := "pumps." + p.Name
	if missing := missingKey(p); p.ByChance != "" && missing != "" {
		c.Warn(place, "exists only because %s is set, and has no %s: left out, as Tyk Pump could not work with it either; %s", p.ByChance, missing, c.chanceAdvice(p))
		c.leaveOut(p)
		return
	}
	if p.ByChance != "" {
		c.Warn(place, "exists only because %s is set: Tyk Pump makes a pump of each name between %s and the next underscore; unset it if none is meant", p.ByChance, table.PumpPrefix)
	}
	c.tellRows(p.Common)
	if p.Type.Missing != "" {
		c.refuse(p, place, "type %s: otelcol-tyk has no exporter for %s, so its records would go nowhere and the start is refused. %s", p.Type.Name, p.Type.Title, p.Type.Missing)
		return
	}
	c.tellRows(p.Meta)
	before := len(c.Of(table.Error))
	u := makers[p.Type.Name](c, p)
	if u == nil || len(c.Of(table.Error)) > before {
		c.leaveOut(p)
		return
	}
	if p.Common.Set("timeout") && u.store.config.Get("timeout") == nil && p.Type.Family != "mongo" && p.Type.Family != "sql" {
		c.Info(p.Common.Place("timeout"), "not taken over: a record is tried again until it is stored")
	}
	c.units = append(c.units, u)
}

// chanceAdvice says what to do about a pump that exists only because a variable is set.
func (c *converter) chanceAdvice(p *settings.Pump) string {
	var readers []string
	for _, other := range c.s.Pumps {
		if other != p && other.Meta.ReadsFrom(table.PumpPrefix+strings.ToUpper(p.Name)+"_") {
			readers = append(readers, "pumps."+other.Name)
		}
	}
	if len(readers) == 0 {
		return "unset the variable"
	}
	return "leave it as it is, since " + strings.Join(readers, ", ") + " takes its settings from variables of that name, too"
}

// refuse adds an error with the way out.
func (c *converter) refuse(p *settings.Pump, place, format string, args ...any) {
	c.Error(place, format+". "+wayOut(c.in.Name, p.Name)+" starts without it", args...)
	c.leaveOut(p)
}

func (c *converter) leaveOut(p *settings.Pump) {
	c.leftOut = append(c.leftOut, p.Name)
}

// missingKey is a key without which a pump of its type cannot work, if it lacks one.
func missingKey(p *settings.Pump) string {
	for i := range p.Type.Keys {
		if row := &p.Type.Keys[i]; row.Needed && !p.Meta.Set(row.Name) {
			return "meta." + row.Name
		}
	}
	return ""
}

// makers make the unit of a pump, by its type; nil after an error.
var makers = map[string]func(*converter, *settings.Pump) *unit{
	"mongo":                (*converter).mongo,
	"mongo-pump-selective": (*converter).mongo,
	"mongo-pump-aggregate": (*converter).mongo,
	"mongo-graph":          (*converter).mongo,
	"mongo-mcp":            (*converter).mongo,
	"mongo-mcp-aggregate":  (*converter).mongo,
	"sql":                  (*converter).sql,
	"sql_aggregate":        (*converter).sql,
	"sql-graph":            (*converter).sql,
	"sql-graph-aggregate":  (*converter).sql,
	"sql-mcp":              (*converter).sql,
	"sql-mcp-aggregate":    (*converter).sql,
	"kafka":                (*converter).kafka,
	"logzio":               (*converter).logzio,
	"splunk":               (*converter).splunk,
	"elasticsearch":        (*converter).elasticsearch,
	"prometheus":           (*converter).prometheus,
	"influx":               (*converter).influx,
	"influx2":              (*converter).influx,
	"graylog":              (*converter).graylog,
	"statsd":               (*converter).statsd,
	"dogstatsd":            (*converter).dogstatsd,
	"csv":                  (*converter).csv,
	"syslog":               (*converter).syslog,
	"hybrid":               (*converter).hybrid,
	"moesif":               (*converter).moesif,
	"resurfaceio":          (*converter).resurface,
	"segment":              (*converter).segment,
	"sqs":                  (*converter).sqs,
	"kinesis":              (*converter).kinesis,
	"stdout":               (*converter).stdout,
	"dummy":                (*converter).dummy,
}
