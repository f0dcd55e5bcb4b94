package tyksqlexporter

import (
	"testing"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

// TestPostgres runs what shares one server, each test in a database of its own.
func TestPostgres(t *testing.T) {
	t.Parallel()
	server := peers.StartPostgres(t)
	for name, test := range map[string]func(*testing.T, *peers.Postgres){
		"rows are those of Tyk Pump": testPostgresRowsAreThoseOfTykPump,
		"table is that of Tyk Pump":  testPostgresTableIsThatOfTykPump,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, server)
		})
	}
}
