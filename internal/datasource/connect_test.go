package datasource

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestConnectionsAreGivenUp(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"host=db dbname=tyk_analytics":                       connectTimeout,
		"host=db dbname=tyk_analytics connect_timeout=3":     3 * time.Second,
		"postgres://tyk@db/tyk_analytics?connect_timeout=30": 30 * time.Second,
		"tyk@tcp(db:3306)/tyk_analytics":                     connectTimeout,
		"tyk@tcp(db:3306)/tyk_analytics?timeout=2s":          2 * time.Second,
	} {
		if mysql, err := MySQL(text, TLS{}); err == nil {
			assert.Equal(t, want, mysql.Timeout, text)
			continue
		}
		postgres, err := Postgres(text, "", false)
		require.NoError(t, err)
		assert.Equal(t, want, postgres.ConnConfig.ConnectTimeout, text)
	}
}
