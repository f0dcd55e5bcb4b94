package tyksqlexporter

import (
	"testing"
)

// TestSQLite runs what holds for each driver.
func TestSQLite(t *testing.T) {
	t.Parallel()
	for name, test := range anyDatabase() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, sqliteTarget)
		})
	}
}
