package tyksqlexporter

import (
	"testing"
)

// TestSQLite runs what holds for both databases.
func TestSQLite(t *testing.T) {
	t.Parallel()
	for name, test := range bothDatabases() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, sqliteTarget)
		})
	}
}
