package compare

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/deviation"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/rows"
)

// recordRule explains a column that differs between two versions of a record.
type recordRule struct {
	id     string
	column string   // the only one, without the prefix of GraphQL and MCP tables; empty for any
	with   []string // others that it looks at
	holds  func(there, here rows.Value, with []rows.Value) bool
}

// knownRecordRules are about values; with is what our row has in the other columns.
var knownRecordRules = []recordRule{
	{deviation.LatencyGateway, "latency_gateway", []string{"latency_total", "latency_upstream"}, gatewayLatency},
	{deviation.CityNames, "geo_city_names", nil, func(there, here rows.Value, _ []rows.Value) bool {
		return isEmptyObject(there) && !isEmptyObject(here) && len(here) > 0 && here[0] == '{'
	}},
	{deviation.MongoGateway, "latency.gateway", []string{"latency.total", "latency.upstream"}, gatewayLatency},
	{deviation.MongoCityNames, "geo.city.names", nil, func(there, here rows.Value, _ []rows.Value) bool {
		return isEmptyObject(there) && !isEmptyObject(here) && len(here) > 0 && here[0] == '{'
	}},
	{deviation.SimpleProtocol, "", nil, func(there, here rows.Value, _ []rows.Value) bool {
		text, found := bytes.CutPrefix(there, []byte(`\x`))
		if !found || hex.DecodedLen(len(text)) != len(here) || len(here) == 0 {
			return false
		}
		decoded := make([]byte, len(here))
		_, err := hex.Decode(decoded, text)
		return err == nil && bytes.Equal(decoded, here)
	}},
	{deviation.MySQLTime, "", nil, roundedTime},
	{deviation.NotUTF8, "", nil, func(there, here rows.Value, _ []rows.Value) bool {
		return !utf8.Valid(there) && string(here) == strings.ToValidUTF8(string(there), "\ufffd")
	}},
}

// roundedTime holds for MySQL's columns of whole milliseconds, to which Tyk Pump's times are rounded, and ours cut.
func roundedTime(there, here rows.Value, _ []rows.Value) bool {
	a, ok1 := rows.ParseTime(there)
	b, ok2 := rows.ParseTime(here)
	return ok1 && ok2 && a.Sub(b) == time.Millisecond
}

// mysqlTime is the type of such a column.
const mysqlTime = "datetime(3)"

// gatewayLatency holds where Tyk Pump has 0 for what protobuf does not carry.
func gatewayLatency(there, here rows.Value, with []rows.Value) bool {
	whole, ok1 := rows.ParseInt(with[0])
	part, ok2 := rows.ParseInt(with[1])
	own, ok3 := rows.ParseInt(here)
	none, ok4 := rows.ParseInt(there)
	return ok1 && ok2 && ok3 && ok4 && none == 0 && own == whole-part
}

func isEmptyObject(v rows.Value) bool {
	return len(v) > 1 && v[0] == '{' && v[len(v)-1] == '}' && len(bytes.TrimSpace(v[1:len(v)-1])) == 0
}

// recordRules are the rules for the columns of a table.
type recordRules struct {
	of   [][]placedRule // by column
	with []rows.Value
}

// placedRule is a rule that knows where its other columns are.
type placedRule struct {
	recordRule
	places []int
}

func newRecordRules(columns []rows.Column) *recordRules {
	r := &recordRules{of: make([][]placedRule, len(columns))}
	for i, c := range columns {
		for _, rule := range knownRecordRules {
			if rule.column != "" && rule.column != rows.Bare(c.Name) {
				continue
			}
			if rule.id == deviation.MySQLTime && c.Type != mysqlTime {
				continue
			}
			places := make([]int, len(rule.with))
			for j, name := range rule.with {
				places[j] = slices.IndexFunc(columns, func(c rows.Column) bool { return rows.Bare(c.Name) == name })
			}
			if !slices.Contains(places, -1) {
				r.of[i] = append(r.of[i], placedRule{rule, places})
			}
		}
	}
	return r
}

// govern tells whether a deviation is known of just this column.
func (r *recordRules) govern(column int) bool {
	return slices.ContainsFunc(r.of[column], func(rule placedRule) bool { return rule.column != "" })
}

// explain is the deviation that explains a column, or nothing.
func (r *recordRules) explain(there, here []rows.Value, column int) string {
	for _, rule := range r.of[column] {
		r.with = r.with[:0]
		for _, at := range rule.places {
			r.with = append(r.with, here[at])
		}
		if rule.holds(there[column], here[column], r.with) {
			return rule.id
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
