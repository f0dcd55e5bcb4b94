package layout

import (
	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/jsontext"
)

// appendJSONErrors writes the column of GraphQL errors, in which nil lists are [] (contract: records and raw
// stores, section 2.3).
func appendJSONErrors(b []byte, list []analytics.GraphQLError) []byte {
	b = append(b, '[')
	for i, e := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"message":`...)
		b = jsontext.AppendString(b, e.Message)
		b = append(b, `,"path":`...)
		b = jsontext.AppendPath(b, e.Path)
		b = append(b, '}')
	}
	return append(b, ']')
}
