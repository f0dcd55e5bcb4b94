package sink

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

func TestShorten(t *testing.T) {
	t.Parallel()
	request := strings.Repeat("GET / HTTP/1.1\r\n", 1000)
	r := analytics.Record{RawRequest: base64.StdEncoding.EncodeToString([]byte(request)), RawResponse: strings.Repeat("ü", 500), Path: "/"}
	require.True(t, Shorten(&r, func() bool { return len(r.RawRequest)+len(r.RawResponse) < 400 }))
	decoded, err := base64.StdEncoding.DecodeString(r.RawRequest)
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(request, string(decoded)))
	assert.NotEmpty(t, decoded)
	assert.Equal(t, strings.Repeat("ü", len(r.RawResponse)/2), r.RawResponse)
	assert.NotEmpty(t, r.RawResponse)

	tries := 0
	require.False(t, Shorten(&r, func() bool { tries++; return false }))
	assert.Less(t, tries, 10)
	assert.Equal(t, analytics.Record{Path: "/"}, r, "nothing of them is left")
	require.False(t, Shorten(&r, func() bool { return true }), "there is nothing to cut")
}
