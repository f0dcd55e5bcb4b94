package compare

import (
	"bytes"
	"encoding/hex"
	"strings"
	"unicode/utf8"

	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/deviation"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/rows"
)

// recordRule explains a column that differs between two versions of a record.
type recordRule struct {
	id     string
	column string // the only one, without the prefix of GraphQL and MCP tables; empty for any
	holds  func(value func(name string) (there, here rows.Value), there, here rows.Value) bool
}

var recordRules = []recordRule{
	{deviation.LatencyGateway, "latency_gateway", gatewayLatency("latency_total", "latency_upstream")},
	{deviation.CityNames, "geo_city_names", func(_ func(string) (rows.Value, rows.Value), there, here rows.Value) bool {
		return string(there) == "{}" && len(here) > len("{}") && here[0] == '{'
	}},
	{deviation.SimpleProtocol, "", func(_ func(string) (rows.Value, rows.Value), there, here rows.Value) bool {
		text, found := bytes.CutPrefix(there, []byte(`\x`))
		decoded := make([]byte, hex.DecodedLen(len(text)))
		_, err := hex.Decode(decoded, text)
		return found && err == nil && len(here) > 0 && bytes.Equal(decoded, here)
	}},
	{deviation.NotUTF8, "", func(_ func(string) (rows.Value, rows.Value), there, here rows.Value) bool {
		return !utf8.Valid(there) && string(here) == strings.ToValidUTF8(string(there), "\ufffd")
	}},
}

// gatewayLatency holds where Tyk Pump has 0 for what protobuf does not carry.
func gatewayLatency(total, upstream string) func(func(string) (rows.Value, rows.Value), rows.Value, rows.Value) bool {
	return func(value func(string) (rows.Value, rows.Value), there, here rows.Value) bool {
		_, t := value(total)
		_, u := value(upstream)
		whole, ok1 := rows.ParseInt(t)
		part, ok2 := rows.ParseInt(u)
		own, ok3 := rows.ParseInt(here)
		return string(there) == "0" && ok1 && ok2 && ok3 && own == whole-part
	}
}

// deviates tells whether a deviation is known of just this column.
func deviates(column string) bool {
	for _, r := range recordRules {
		if r.column == column {
			return true
		}
	}
	return false
}

// explainRecord is the deviation that explains a column, or nothing.
func explainRecord(columns []rows.Column, there, here []rows.Value, at int) string {
	value := func(name string) (a, b rows.Value) {
		for i, c := range columns {
			if rows.Bare(c.Name) == name {
				return there[i], here[i]
			}
		}
		return nil, nil
	}
	for _, r := range recordRules {
		if (r.column == "" || r.column == rows.Bare(columns[at].Name)) && r.holds(value, there[at], here[at]) {
			return r.id
		}
	}
	return ""
}

// explainType is about columns of which the type differs.
func explainType(there, here rows.Column) []string {
	if there.Name == "id" && strings.HasPrefix(there.Type, "varchar") && strings.HasPrefix(here.Type, "varchar") {
		return []string{deviation.MySQLID}
	}
	if strings.HasPrefix(there.Type, "varchar") && here.Type == "longtext" {
		return []string{deviation.MySQLText}
	}
	return nil
}

// explainColumn is about columns that only our tables have.
func explainColumn(rows.Column) []string { return nil }
