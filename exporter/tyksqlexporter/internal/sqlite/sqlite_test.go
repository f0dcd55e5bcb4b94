package sqlite

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestSQLiteFileIsFoundInTheDatasource(t *testing.T) {
	t.Parallel()
	for datasource, want := range map[string]string{
		"tyk.db": "tyk.db", "/var/lib/tyk.db": "/var/lib/tyk.db", "a/b.db?_pragma=x": "a/b.db",
		"file:tyk.db": "tyk.db", "file:a%20b/tyk.db?mode=rwc": "a b/tyk.db", "file:/var/lib/tyk.db": "/var/lib/tyk.db",
		"file:///var/lib/tyk.db": "/var/lib/tyk.db", ":memory:": "", "file::memory:?cache=shared": "", "file:x?mode=memory": "",
	} {
		assert.Equal(t, want, fileOf(datasource), datasource)
	}
}
