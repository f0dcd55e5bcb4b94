package tykredisreceiver

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
)

func TestAddressesInTheFormsThatPeopleHave(t *testing.T) {
	t.Parallel()
	read := func(settings map[string]any) (*Config, error) {
		cfg := createDefaultConfig().(*Config)
		return cfg, confmap.NewFromStringMap(settings).Unmarshal(cfg)
	}
	cfg, err := read(map[string]any{"addresses": []any{"a:1, b:2"}, "cluster": true})
	require.NoError(t, err)
	assert.Equal(t, []string{"a:1", "b:2"}, cfg.Addresses)
	require.NoError(t, confmap.Validate(cfg))

	cfg, err = read(map[string]any{"addresses": []any{"redis://tyk:s3cret@redis.test/2"}, "password": "", "database": 0})
	require.NoError(t, err)
	assert.Equal(t, []string{"redis.test:6379"}, cfg.Addresses)
	assert.Equal(t, "tyk s3cret 2 true", fmt.Sprint(cfg.Username, " ", string(cfg.Password), " ", cfg.Database, " ", cfg.TLS.Insecure))
	require.NoError(t, confmap.Validate(cfg))

	cfg, err = read(map[string]any{"addresses": []any{"redis://tyk:s3cret@redis.test"}, "username": nil, "password": nil})
	require.NoError(t, err, "as of ${env:UNSET:-}")
	assert.Equal(t, "tyk s3cret", cfg.Username+" "+string(cfg.Password))

	cfg, err = read(map[string]any{"addresses": []any{"rediss://redis.test:6380"}, "password": "other"})
	require.NoError(t, err)
	assert.Equal(t, "other", string(cfg.Password))
	assert.False(t, cfg.TLS.Insecure)

	for address, want := range map[string]string{
		"redis+sentinel://a:1":     "begins with redis+sentinel",
		"redis://a:s3cret@b:1/x":   "has a path that is no number",
		"redis://a:s3cret@b:1?x=1": "has parameters",
		"redis://a:s3cret@b:port":  "cannot be read",
		"redis://a:s3cret@b:1/3":   "names database 3, and database is 2",
	} {
		_, err := read(map[string]any{"addresses": []any{address}, "database": 2})
		require.ErrorContains(t, err, want, address)
		assert.NotContains(t, err.Error(), "s3cret")
	}
}
