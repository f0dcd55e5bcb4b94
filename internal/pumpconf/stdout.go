package pumpconf

import (
	"fmt"
	"strconv"

	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/settings"
	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/tree"
)

// local is the destination of what stays on the machine.
var local = destination{family: "local", identity: "local", group: "local", label: "this machine"}

// stdoutEncoding is the extension that writes a line for each record.
const stdoutEncoding = "json_log_encoding"

// stdout makes the unit of a stdout pump.
func (c *converter) stdout(p *settings.Pump) *unit {
	g := p.Meta
	u := newUnit(p, local, "file")
	u.store.name, u.store.note = "stdout", "one for all pumps of the type, whose lines would be torn otherwise"
	if g.Text("format") != "json" {
		c.Warn(g.Place("format"), "Go's own form on standard error cannot be had: records are JSON lines on standard output")
	}
	if (p.Common.Bool("raw_request_decoded") || p.Common.Bool("raw_response_decoded")) && !g.Bool("use_legacy_payload_format") {
		c.Warn(g.Place("use_legacy_payload_format"), "decoded requests and responses are written as they are: their headers and bodies are not put on one line each")
	}
	u.filter = c.filter(p, tree.New().Set("format", "tyk"))
	name := strconv.Quote(orDefault(g.Text("log_field_name"), "tyk-analytics-record"))
	u.after = []component{transform([]any{
		`set(log.cache["record"], log.body)`,
		`set(log.body, {"level": "info", "msg": "", "time": FormatTime(TruncateTime(Now(), Duration("1s")), "%Y-%m-%dT%H:%M:%SZ")})`,
		fmt.Sprintf(`set(log.body[%s], log.cache["record"])`, name),
	}, from(g, "log_field_name"))}
	m := u.store.config
	m.Set("path", "/dev/stdout").Set("append", true).Set("encoding", stdoutEncoding)
	m.Note("flush_interval", "100ms", "what the exporter holds that long is lost in a crash")
	c.Warn(u.place, "/dev/stdout cannot be opened where standard output belongs to another user, as in containers that change theirs: start as that user, or set the path of file/stdout with a further --config")
	return u
}

// dummy makes the unit of a dummy pump, which forgets its records.
func (c *converter) dummy(p *settings.Pump) *unit {
	c.Info("pumps."+p.Name, "records are taken and forgotten, as by Tyk Pump, without its line for each round")
	return newUnit(p, local, "nop")
}
