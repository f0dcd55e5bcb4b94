package tyksqlexporter

import (
	"testing"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

// TestMySQL runs what shares one server, each test in a database of its own.
func TestMySQL(t *testing.T) {
	t.Parallel()
	server := peers.StartMariaDB(t)
	tests := map[string]func(*testing.T, *peers.MariaDB){
		"uptime without its primary key fails the start": onMySQL(testUptimeWithoutKey),
		"uptime with a unique index goes on":             onMySQL(testUptimeWithUniqueIndex),
	}
	for name, test := range anyDatabase() {
		tests[name] = onMySQL(test)
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, server)
		})
	}
}

// onMySQL runs a test of any database.
func onMySQL(test func(*testing.T, newTarget)) func(*testing.T, *peers.MariaDB) {
	return func(t *testing.T, server *peers.MariaDB) { test(t, mysqlTarget(server)) }
}
