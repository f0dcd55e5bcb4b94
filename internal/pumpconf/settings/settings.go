package settings

import (
	"errors"
	"io/fs"
	"slices"
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/secrets"
	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/table"
)

// Source is what a configuration is read from.
type Source struct {
	// Name is the file's.
	Name string
	// Text is what is in it, unless Err says why it cannot be read.
	Text []byte
	Err  error
	// Env is the environment.
	Env map[string]string
	// Skip names pumps to leave out, beside those of x_otelcol_tyk.skip.
	Skip []string
	// ReadFile reads secrets that are in files.
	ReadFile func(string) ([]byte, error)
	// OpenStore opens stores of secrets that are not on this machine; nil for none.
	OpenStore func(kind string, config []byte) (secrets.Store, error)
}

// Settings is what file and environment say together.
type Settings struct {
	// File is the name of the file, empty where it is not read.
	File string
	// Variables is how many variables of Tyk Pump are read.
	Variables int
	// Global, Redis, Uptime and Own are the objects of the file outside of pumps.
	Global, Redis, Uptime, Own *Group
	// Pumps are the pumps that result, without those that are skipped.
	Pumps []*Pump
	// Skipped names those.
	Skipped []string
	// LogLevel and LogFormat are TYK_LOGLEVEL and TYK_LOGFORMAT.
	LogLevel, LogFormat string
	// Instrumented is whether TYK_INSTRUMENTATION is 1.
	Instrumented bool
	// Readable is false where the file is there and cannot be read, or is not JSON.
	Readable bool
}

// Load reads a configuration. Findings of level Error say what cannot be meant.
func Load(source Source, f *Findings) *Settings {
	env := newEnvironment(source.Env)
	s := &Settings{File: source.Name, Readable: true}
	l := &loader{file: baseName(source.Name), env: env, f: f, ignored: map[string][]string{}, settings: s}
	top := l.readFile(source)

	s.Global = newGroup("", table.Global().Prefix, table.Global(), l.file)
	s.Global.readObject(top, f)
	s.Global.readVariables(env, s.Global.Prefix, f)
	if top.field("omit_config_file") == true {
		f.Warn("omit_config_file", "has no effect in the file: the variable TYK_PMP_OMITCONFIGFILE=true has")
	}
	s.Redis = l.section(top, "analytics_storage_config", table.Redis(), table.RedisPrefixes()...)
	s.Uptime = l.section(top, "uptime_pump_config", table.Uptime(), table.Uptime().Prefix)
	s.Own = newGroup(table.OwnKey, table.Unset, table.Own(), l.file)
	s.Own.readObject(get[*object](s.Global, table.OwnKey), f)
	l.skip = append(source.Skip[:len(source.Skip):len(source.Skip)], s.Own.List("skip")...)
	l.references = newReferences(get[*object](s.Global, "kv"), env, source, f)
	s.Pumps = l.pumps(top)
	l.tellSkipped()
	l.fillUptime()
	l.readOthers()
	l.resolve(get[*object](s.Global, "kv"))
	l.tellUnread()
	for name := range env.read {
		if strings.HasPrefix(name, "TYK_PMP_") || strings.HasPrefix(name, "PMP_") {
			s.Variables++
		}
	}
	return s
}

func baseName(name string) string {
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		return name[i+1:]
	}
	return name
}

// readFile gives the file's object, or nil.
func (l *loader) readFile(source Source) *object {
	omit, _ := l.env.lookup("TYK_PMP_OMITCONFIGFILE")
	if strings.EqualFold(omit, "true") {
		l.settings.File = ""
		return nil
	}
	if source.Err != nil && !errors.Is(source.Err, fs.ErrNotExist) {
		l.settings.Readable = false
		l.f.Error(source.Name, "is there and cannot be read (%v), so that its pumps would get nothing: let otelcol-tyk read it, or set TYK_PMP_OMITCONFIGFILE=true", source.Err)
		return nil
	}
	if source.Err != nil {
		l.settings.File = ""
		l.f.Warn(source.Name, "cannot be read (%v): only the environment counts, as in Tyk Pump; TYK_PMP_OMITCONFIGFILE=true says that there is no file", source.Err)
		return nil
	}
	top, err := parseFile(source.Name, source.Text)
	if err != nil {
		l.settings.Readable = false
		l.f.Error("", "%v. Tyk Pump would take nothing from this file", err)
		return nil
	}
	return top
}

func (l *loader) section(top *object, path string, section *table.Section, prefixes ...string) *Group {
	g := newGroup(path, section.Prefix, section, l.file)
	o, _ := top.field(path).(*object)
	g.readObject(o, l.f)
	for _, prefix := range prefixes {
		g.readVariables(l.env, prefix, l.f)
	}
	return g
}

// fillUptime takes the oldest variables of Mongo for uptime checks that name no Mongo.
func (l *loader) fillUptime() {
	u := l.settings.Uptime
	if u.Text("uptime_type") == "sql" || u.Text("mongo_url") != "" {
		return
	}
	own := u.values["collection_name"]
	u.readVariables(l.env, table.OldPrefixes()["mongo"], l.f)
	// The collection that they name is that of the requests.
	delete(u.values, "collection_name")
	if own != nil {
		u.values["collection_name"] = own
	}
}

// readOthers takes the variables that belong to no key.
func (l *loader) readOthers() {
	s := l.settings
	s.LogLevel, _ = l.env.lookup("TYK_LOGLEVEL")
	s.LogFormat, _ = l.env.lookup("TYK_LOGFORMAT")
	instrumented, _ := l.env.lookup("TYK_INSTRUMENTATION")
	s.Instrumented = instrumented == "1"
	if text, ok := l.env.lookup("TYK_PMP_BUILDDEMODATA"); ok && text != "" {
		l.f.Error("TYK_PMP_BUILDDEMODATA", "makes Tyk Pump write demo data and end; otelcol-tyk has tykgen for that: unset it")
	}
	if _, ok := l.env.vars["TYK_PMP_PUMPS"]; ok {
		l.env.read["TYK_PMP_PUMPS"] = true
		l.f.Error("pumps (set by TYK_PMP_PUMPS)", "replaces all pumps by empty ones, with which Tyk Pump ends: unset it, and use %sNAME_TYPE and the like", table.PumpPrefix)
	}
	for _, name := range l.env.names("TYK_PMP_OPENTELEMETRY_") {
		l.env.read[name] = true
		row := table.Global().Key("opentelemetry")
		l.f.Warn(name, "%s: %s", row.Here, row.Why)
	}
	if _, ok := l.env.vars["REDIGOCLUSTER_SHARDCOUNT"]; ok {
		l.f.Info("REDIGOCLUSTER_SHARDCOUNT", "is read by nothing, for years")
	}
}

// tellSkipped says what is not stored.
func (l *loader) tellSkipped() {
	for _, name := range l.skip {
		if slices.ContainsFunc(l.settings.Skipped, func(skipped string) bool { return strings.EqualFold(skipped, name) }) {
			l.f.Warn("pumps."+name, "is skipped: its records are stored nowhere")
		} else {
			l.f.Warn("skip", "names %q, and there is no such pump: take it out", name)
		}
	}
}

// resolve replaces references to secrets everywhere.
func (l *loader) resolve(kv *object) {
	s := l.settings
	groups := []*Group{s.Global, s.Redis, s.Uptime}
	for _, p := range s.Pumps {
		groups = append(groups, p.Common, p.Meta)
	}
	for _, g := range groups {
		l.references.resolve(g, l.f)
	}
	for _, name := range l.env.names("TYK_PMP_KV_CACHE") {
		l.env.read[name] = true
		l.f.Info(name, "is not needed: secrets are resolved once, at start")
	}
	if kv.field("cache") != nil {
		l.f.Info("kv.cache", "is not needed: secrets are resolved once, at start")
	}
}
