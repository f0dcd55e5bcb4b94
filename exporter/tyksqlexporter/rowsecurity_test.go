package tyksqlexporter

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/config/configopaque"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

// asOwner has the exporter come as the owner of its tables, who is no superuser, so that
// policies may hold for it.
func asOwner(t *testing.T, d target) target {
	t.Helper()
	role := strings.ReplaceAll(strings.ToLower(t.Name()), "/", "_")
	d.exec(t, fmt.Sprintf(`create role %q login; grant create on schema public to %q`, role, role))
	d.config.Datasource = configopaque.String(strings.Replace(string(d.config.Datasource), "postgres@", role+"@", 1))
	return d
}

func testPostgresRowSecurity(t *testing.T, server *peers.Postgres) {
	d := asOwner(t, patient(postgresTarget(server)(t)))
	e := d.start(t)
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Samples("before", 100, 109)))
	d.exec(t, `alter table tyk_analytics enable row level security; alter table tyk_analytics force row level security;
		create policy writes on tyk_analytics for insert with check (path not in ('/items/3', '/items/17'));
		create policy reads on tyk_analytics for select using (false)`)
	reasons := refusedOf(t, e.ConsumeLogs(t.Context(), sinktest.Samples("seg", 0, 19)))
	require.Len(t, reasons, 2)
	assert.Contains(t, reasons[3], "row-level security")
	assert.Contains(t, reasons, int64(17))
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Samples("before", 100, 109)), "the ledger has them, though the role cannot see them")
	assert.EqualValues(t, 28, d.rows(t))

	d.exec(t, "create policy nothing on tyk_analytics as restrictive for insert with check (false)")
	short, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	require.Error(t, e.ConsumeLogs(short, sinktest.Samples("waits", 0, 9)))
	d.exec(t, "drop policy nothing on tyk_analytics")
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Samples("waits", 20, 29)))
	assert.EqualValues(t, 38, d.rows(t))
}

func testPostgresRowSecurityOfLedger(t *testing.T, server *peers.Postgres) {
	d := asOwner(t, postgresTarget(server)(t))
	require.NoError(t, d.start(t).ConsumeLogs(t.Context(), sinktest.Samples("seg", 0, 9)))
	d.exec(t, "alter table otelcol_tyk_ledger enable row level security; alter table otelcol_tyk_ledger force row level security")
	err := d.start(t).ConsumeLogs(t.Context(), sinktest.Samples("seg", 0, 9))
	require.ErrorContains(t, err, "may hide what is stored already")
	assert.EqualValues(t, 10, d.rows(t))
}

// slowLine leads to a server, and keeps all that goes either way for a time.
func slowLine(t *testing.T, to string, each time.Duration) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	carry := func(from, to net.Conn) {
		defer func() { _ = to.Close() }()
		buffer := make([]byte, 64<<10)
		for {
			n, err := from.Read(buffer)
			time.Sleep(each)
			if _, failed := to.Write(buffer[:n]); err != nil || failed != nil {
				return
			}
		}
	}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", to)
			if err != nil {
				_ = client.Close()
				continue
			}
			go carry(client, server)
			go carry(server, client)
		}
	}()
	return listener.Addr().String()
}

// A fifth is refused; every attempt ends within its timeout, and the next one goes on.
func testPostgresManyRefusedSlowly(t *testing.T, server *peers.Postgres) {
	d := patient(postgresTarget(server)(t))
	d.start(t)
	d.exec(t, "alter table tyk_analytics add constraint fifths check (path !~ '[05]$')")
	address, err := url.Parse(string(d.config.Datasource))
	require.NoError(t, err)
	address.Host = slowLine(t, address.Host, 5*time.Millisecond)
	d.config.Datasource = configopaque.String(address.String())
	d.config.Timeout.Timeout = 4 * time.Second
	reasons := refusedOf(t, d.start(t).ConsumeLogs(t.Context(), sinktest.Samples("seg", 0, 199)))
	assert.Len(t, reasons, 40)
	assert.EqualValues(t, 160, d.rows(t))
	assert.EqualValues(t, 160, d.number(t, "select count(distinct path) from tyk_analytics"))
}
