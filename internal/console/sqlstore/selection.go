package sqlstore

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/internal/console/query"
)

// selection says which rows of rollups answer a question: those of one dimension, of some values.
type selection struct {
	dimension string
	// values are those that count, all where there are none.
	values []string
	// prefixes are what values begin with, any where there are none.
	prefixes []string
	// families are the tables that have the dimension, all where there are none.
	families []string
	orgs     []string
	// apis are of the column api_id, which the tables of GraphQL and MCP have.
	apis []string
	// keep tells whether a row's item counts, where values do not say it all.
	keep func(*query.Item) bool
}

// key tells selections apart.
func (sel *selection) key() string {
	return fmt.Sprintf("%q", []any{sel.dimension, sel.values, sel.prefixes, sel.families, sel.orgs, sel.apis})
}

// dimensionsOf are the rollups' names of dimensions, with the families that have them.
var dimensionsOf = map[query.Dimension]struct{ name, family string }{
	query.ByAPI: {"apiid", ""}, query.ByKey: {"apikeys", ""}, query.ByOAuth: {"oauthids", ""}, query.ByEndpoint: {"apiendpoints", ""},
	query.ByCode: {"errors", ""}, query.ByCountry: {"geo", ""}, query.ByVersion: {"versions", ""}, query.ByTag: {"tags", ""},
	query.ByOrganisation: {"", ""},
	query.ByType:         {"types", "graph"}, query.ByField: {"fields", "graph"}, query.ByOperation: {"operation", "graph"}, query.ByRootField: {"rootfields", "graph"},
	query.ByRPCMethod: {"methods", "mcp"}, query.ByPrimitive: {"primitives", "mcp"}, query.ByName: {"names", "mcp"},
}

// selectRollups finds the rows that answer a question by a dimension, or the totals where it is empty.
// Rollups know one dimension at a time, so that it gives false for most combinations.
func selectRollups(f query.Filter, by query.Dimension) (selection, bool) {
	sel := selection{orgs: f.Orgs}
	f.Orgs = nil
	of, ok := dimensionsOf[by]
	if by != "" && !ok {
		return sel, false
	}
	if by != "" {
		sel.dimension = of.name
	}
	if of.family != "" {
		sel.families = []string{of.family}
		sel.apis, f.APIs = f.APIs, nil
		return sel, f.Empty()
	}
	if f.Empty() {
		return sel, true
	}
	return selectOne(sel, f, by)
}

// selectOne is for filters of one field.
func selectOne(sel selection, f query.Filter, by query.Dimension) (selection, bool) {
	own := func(dimension query.Dimension, values []string, rest query.Filter) (selection, bool) {
		if by != "" && by != dimension || !rest.Empty() {
			return sel, false
		}
		sel.dimension, sel.values = dimensionsOf[dimension].name, values
		return sel, true
	}
	rest := f
	switch {
	case len(f.Paths) > 0:
		return selectEndpoints(sel, f, by)
	case len(f.APIs) > 0 && (by == query.ByEndpoint || by == query.ByVersion):
		rest.APIs = nil
		return selectOfAPIs(sel, f.APIs, by), rest.Empty()
	case len(f.Keys) > 0 && by == query.ByEndpoint:
		rest.Keys = nil
		sel.dimension = "keyendpoints"
		for _, key := range f.Keys {
			sel.prefixes = append(sel.prefixes, key+".")
		}
		return sel, rest.Empty()
	case len(f.APIs) > 0:
		rest.APIs = nil
		return own(query.ByAPI, f.APIs, rest)
	case len(f.Keys) > 0:
		rest.Keys = nil
		return own(query.ByKey, f.Keys, rest)
	case len(f.Countries) > 0:
		rest.Countries = nil
		return own(query.ByCountry, f.Countries, rest)
	case len(f.OAuth) > 0:
		rest.OAuth = nil
		return own(query.ByOAuth, f.OAuth, rest)
	case len(f.Tags) > 0:
		rest.Tags = nil
		return own(query.ByTag, f.Tags, rest)
	case len(f.Status) > 0:
		rest.Status = nil
		codes, ok := errorCodes(f.Status)
		if !ok {
			return sel, false
		}
		return own(query.ByCode, codes, rest)
	}
	return sel, false
}

// selectOfAPIs is the endpoints, or the versions, of some APIs.
func selectOfAPIs(sel selection, apis []string, by query.Dimension) selection {
	sel.dimension = dimensionsOf[by].name
	if by == query.ByEndpoint {
		for _, api := range apis {
			sel.prefixes = append(sel.prefixes, hex.EncodeToString([]byte(api+":")))
		}
	}
	sel.keep = func(i *query.Item) bool { return contains(apis, i.API) }
	return sel
}

// selectEndpoints is for whole paths of one API or of all.
func selectEndpoints(sel selection, f query.Filter, by query.Dimension) (selection, bool) {
	paths, apis := f.Paths, f.APIs
	f.Paths, f.APIs = nil, nil
	if by != "" && by != query.ByEndpoint || !f.Empty() {
		return sel, false
	}
	for _, p := range paths {
		if strings.Contains(p, "*") {
			return sel, false
		}
	}
	sel.dimension = "apiendpoints"
	for _, api := range apis {
		sel.prefixes = append(sel.prefixes, hex.EncodeToString([]byte(api+":")))
	}
	sel.keep = func(i *query.Item) bool {
		return contains(paths, i.Value) && (len(apis) == 0 || contains(apis, i.API))
	}
	return sel, true
}

func contains(values []string, value string) bool {
	for _, v := range values {
		if v == value {
			return true
		}
	}
	return false
}

// errorCodes are the codes of ranges that are single errors, which rollups count by code.
func errorCodes(ranges []query.StatusRange) ([]string, bool) {
	const firstError = 400
	var codes []string
	for _, r := range ranges {
		if r.First != r.Last || r.First < firstError {
			return nil, false
		}
		codes = append(codes, strconv.FormatInt(r.First, 10))
	}
	return codes, true
}

// itemOf reads a value of a dimension as rollups write it.
func itemOf(dimension, org, value string) query.Item {
	item := query.Item{Org: org, Value: value}
	if value == query.OtherValue {
		return item
	}
	switch dimension {
	case "apiendpoints":
		if plain, err := hex.DecodeString(value); err == nil {
			item.API, item.Version, item.Value = cutEndpoint(string(plain))
		}
	case "keyendpoints":
		_, encoded, ok := strings.Cut(value, ".")
		plain, err := base64.RawStdEncoding.DecodeString(encoded)
		if ok && err == nil {
			item.API, item.Value, _ = strings.Cut(string(plain), ":")
		}
	case "versions":
		if plain, err := base64.RawStdEncoding.DecodeString(value); err == nil {
			item.API, item.Value, _ = strings.Cut(string(plain), ":")
		}
	case "":
		item.Value = org
	}
	return item
}

// cutEndpoint takes apart api:version:path. A version may have colons in it, a path begins with a slash.
func cutEndpoint(plain string) (api, version, path string) {
	api, rest, _ := strings.Cut(plain, ":")
	if at := strings.Index(rest, ":/"); at >= 0 {
		return api, rest[:at], rest[at+1:]
	}
	version, path, _ = strings.Cut(rest, ":")
	return api, version, path
}
