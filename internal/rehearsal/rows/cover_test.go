package rows

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestSecretsAreCovered(t *testing.T) {
	t.Parallel()
	for _, shown := range []string{
		Shown("apikey", Value("sekrit")), Shown("analytics_apikey", Value("sekrit")), Shown("rawrequest", Value("sekrit")),
		Shown("tags", Value(`["key-sekrit","org-1","key-sekrit-2"]`)), Shown("analytics_tags", Value("key-sekrit")),
		Shown("path", Value("/x?token=sekrit&b=sekrit")), Shown("tags", Value("{a, key-sekrit}")),
		ShownValue("apikeys", Value("sekrit")), ShownValue("oauthendpoints", Value("sekrit:/x")), ShownValue("tags", Value("key-sekrit")),
		ShownValue("endpoints", Value("/x?token=sekrit")),
	} {
		assert.NotContains(t, shown, "sekrit")
		assert.Contains(t, shown, "covered")
	}
	assert.Equal(t, `["monkey-1","org-2"]`, Shown("tags", Value(`["monkey-1","org-2"]`)))
	assert.Equal(t, "monkey-1", ShownValue("tags", Value("monkey-1")))
	assert.NotEqual(t, Shown("apikey", Value("a")), Shown("apikey", Value("b")), "two are told apart")
	assert.Equal(t, "null", Shown("apikey", nil))
}
