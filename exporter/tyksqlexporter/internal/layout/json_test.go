package layout

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

func TestJSONErrorsAreThoseOfTykPump(t *testing.T) {
	t.Parallel()
	want := []byte(`[{"message":"a \u003c b","path":["country",1,"name"]},{"message":"","path":[]}]`)
	assert.Equal(t, want, appendJSONErrors(nil, []analytics.GraphQLError{{Message: "a < b", Path: []any{"country", int64(1), "name"}}, {}}))
	assert.Equal(t, "[]", string(appendJSONErrors(nil, nil)))
}
