package datasource

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSQLiteFileIsFoundInTheDatasource(t *testing.T) {
	t.Parallel()
	for datasource, want := range map[string]string{
		"tyk.db": "tyk.db", "/var/lib/tyk.db": "/var/lib/tyk.db", "a/b?c.db": "a/b?c.db",
		"file:tyk.db": "tyk.db", "file:a%20b/tyk.db?mode=rwc": "a b/tyk.db", "file:/var/lib/tyk.db": "/var/lib/tyk.db",
		"file:///var/lib/tyk.db": "/var/lib/tyk.db",
	} {
		assert.Equal(t, want, FileOf(datasource), datasource)
	}
}

func TestOptionsOfAnSQLiteDatasourceCountLess(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"a b?c.db":                              "file:a%20b%3Fc.db?_pragma=busy_timeout%281%29&mode=ro",
		"file:t.db":                             "file:t.db?_pragma=busy_timeout%281%29&mode=ro",
		"file:t.db?mode=rwc&_pragma=x(2)&vfs=v": "file:t.db?_pragma=x%282%29&_pragma=busy_timeout%281%29&mode=ro&vfs=v",
	} {
		uri, err := SQLite(text, url.Values{"mode": {"ro"}, "_pragma": {"busy_timeout(1)"}})
		require.NoError(t, err)
		assert.Equal(t, want, uri)
	}
	_, err := SQLite("file:t.db?a;b", nil)
	require.ErrorContains(t, err, "no query of a URI")
}

func TestADatasourceOfAnotherDriverIsRefusedAndNotShown(t *testing.T) {
	t.Parallel()
	for datasource, drivers := range map[string][]string{
		"postgres://u:s3cret@h/d": {"sqlite", "mysql"}, "mongodb://u:s3cret@h/d": {"sqlite", "mysql"}, "mysql://u:s3cret@h/d": {"sqlite", "mysql"},
		"u:s3cret@tcp(h)/d": {"sqlite", "postgres"}, "host=h password=s3cret": {"sqlite", "mysql"},
	} {
		for _, driver := range drivers {
			err := Check(driver, datasource)
			require.ErrorContains(t, err, "datasource: the value (not shown", datasource)
			require.NotContains(t, err.Error(), "s3cret", datasource)
		}
	}
	for driver, datasource := range map[string]string{"sqlite": "file:///a.db", "postgres": "postgres://h/d", "mysql": "u@tcp(h)/d"} {
		require.NoError(t, Check(driver, datasource))
	}
}
