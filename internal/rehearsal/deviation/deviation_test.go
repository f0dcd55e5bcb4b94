package deviation

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// ids are those that comparisons use.
var ids = []string{
	LatencyGateway, CityNames, SimpleProtocol, MySQLID, MySQLText, MySQLTime,
	Bucket, TraceTags, MaxValues, Minimum, LastTime, Identifier, Mean, GraphNetwork,
	MongoGateway, MongoCityNames, NotUTF8, MongoOverwrite, MongoListTime, MongoLastTime, MongoMinimum, MongoExpiry, MongoKeys, MongoMemory,
	UptimeHour, UptimeRequestTime, UptimeLastTime, Observations,
}

// The document and the rules that use it have the same rows, so that neither says what the other does not.
func TestEachRuleIsARowOfTheDocument(t *testing.T) {
	t.Parallel()
	require.Len(t, All(), len(ids), "each row with an anchor has a rule")
	for _, id := range ids {
		d, ok := All()[id]
		require.True(t, ok, id)
		assert.NotEmpty(t, d.There, id)
		assert.NotEmpty(t, d.Here, id)
		assert.NotEmpty(t, d.Section, id)
	}
	assert.Equal(t, Deviation{
		ID: LatencyGateway, Section: "SQL (`tyksql` and Tyk Pump's `sql`, `sql-graph` and `sql-mcp`)", What: "`latency_gateway` of protobuf records",
		There: "0", Here: "`latency_total` − `latency_upstream`", Reason: "protobuf does not carry it, and this is what the gateway computes",
	}, All()[LatencyGateway])
}

// A deviation that nothing uses would be an explanation that no report ever gives.
func TestEachRuleIsUsed(t *testing.T) {
	t.Parallel()
	parse := func(file string) *ast.File {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		require.NoError(t, err)
		return parsed
	}
	used := map[string]bool{}
	for _, dir := range []string{"compare", "mongorows"} { // what explains, and what says that it does not compare
		files, err := filepath.Glob(filepath.Join("..", dir, "*.go"))
		require.NoError(t, err)
		require.NotEmpty(t, files)
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			ast.Inspect(parse(file), func(n ast.Node) bool {
				if s, ok := n.(*ast.SelectorExpr); ok {
					if of, ok := s.X.(*ast.Ident); ok && of.Name == "deviation" {
						used[s.Sel.Name] = true
					}
				}
				return true
			})
		}
	}
	names := 0
	for _, d := range parse("deviation.go").Decls {
		constants, ok := d.(*ast.GenDecl)
		if !ok || constants.Tok != token.CONST {
			continue
		}
		for _, spec := range constants.Specs {
			for _, name := range spec.(*ast.ValueSpec).Names {
				assert.True(t, used[name.Name], name.Name)
				names++
			}
		}
	}
	assert.Len(t, ids, names)
}

func TestTablesWithoutASubject(t *testing.T) {
	t.Parallel()
	d := Parse("## Here\n| <a id=\"x\"></a>a | b | c |\n| no | anchor | here |\ntext <a id=\"y\"></a>\n")
	assert.Equal(t, map[string]Deviation{"x": {ID: "x", Section: "Here", There: "a", Here: "b", Reason: "c"}}, d)
	assert.Equal(t, "Tyk Pump: a; here: b (c)", d["x"].String())
}
