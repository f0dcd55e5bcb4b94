//go:build e2e

package e2e

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

var updateMistakes = flag.Bool("update-mistakes", false, "rewrite docs/mistakes.md")

// mistake is one that people make: what says it, and when.
type mistake struct {
	name string
	when string // a heading of the page
	said string // the line of the output that tells it
}

const (
	refused = "Before anything starts, and with `otelcol-tyk validate`"
	warned  = "The same, as a warning"
	running = "In the log, while it runs"
)

// settleMistake is how long a collector may take to say what is wrong; it asks about a silent Redis
// after a minute.
const settleMistake = 3 * time.Minute

// TestMistakesAreSaid makes each mistake with the built binary, and holds docs/mistakes.md to what is said.
func TestMistakesAreSaid(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var all []mistake
	add := func(m mistake) {
		mu.Lock()
		defer mu.Unlock()
		all = append(all, m)
	}
	t.Run("made", func(t *testing.T) {
		wiringMistakes(t, add)
		configMistakes(t, add)
		runningMistakes(t, add)
	})
	if t.Failed() {
		return
	}
	page, file := mistakesPage(all), repository(t, "docs", "mistakes.md")
	if *updateMistakes {
		require.NoError(t, os.WriteFile(file, []byte(page), 0o600))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, string(want), page, "go test -tags e2e ./test/e2e -run TestMistakesAreSaid -update-mistakes writes it")
}

// validated makes a mistake that a look at the configuration finds.
func validated(t *testing.T, name, want string, add func(mistake), configs ...string) {
	t.Helper()
	var args []string
	for i, config := range configs {
		file := filepath.Join(t.TempDir(), fmt.Sprintf("%d.yaml", i))
		require.NoError(t, os.WriteFile(file, []byte(config), 0o600))
		args = append(args, "--config", file)
	}
	out, err := run(t, nil, append([]string{"validate"}, args...)...)
	m := mistake{name: name, when: refused, said: lineWith(out, want)}
	if strings.Contains(out, "warning: "+m.said) {
		m.when = warned
	} else {
		require.Error(t, err, "%s: %s", name, out)
	}
	require.NotEmpty(t, m.said, "%s: %s is not in: %s", name, want, out)
	add(m)
}

// lineWith is what follows the beginning of want in the line that has it.
func lineWith(out, want string) string {
	at := strings.Index(out, want)
	if at < 0 {
		return ""
	}
	line, _, _ := strings.Cut(out[at:], "\n")
	return strings.TrimSpace(line)
}

const mistakeBase = `
receivers: {tykredis: }
processors: {tykfilter: , tykaggregate: }
exporters: {nop: }
`

// wiringMistakes are those that tyklintconverter looks for.
func wiringMistakes(t *testing.T, add func(mistake)) {
	text, err := os.ReadFile(repository(t, "confmap", "tyklintconverter", "testdata", "mistakes.yaml"))
	require.NoError(t, err)
	retrieved, err := confmap.NewRetrievedFromYAML(text)
	require.NoError(t, err)
	list, err := retrieved.AsRaw()
	require.NoError(t, err)
	for _, entry := range list.([]any) {
		of := func(key string) string { return entry.(map[string]any)[key].(string) }
		says := of("says")
		if !strings.Contains(says, "::") { // the middle of a line, which the unit test looks at
			continue
		}
		t.Run(of("mistake"), func(t *testing.T) {
			t.Parallel()
			validated(t, of("mistake"), says, add, mistakeBase, of("config"))
		})
	}
}

// configMistakes are those of one component.
func configMistakes(t *testing.T, add func(mistake)) {
	const sound = `
receivers: {tykredis: }
processors: {tykfilter: }
exporters: {tyksql: {tables: {mcp: {enabled: true}}}}
service: {pipelines: {logs: {receivers: [tykredis], processors: [tykfilter], exporters: [tyksql]}}}
`
	for name, m := range map[string]struct{ config, want string }{
		"an address without a port":                   {"receivers: {tykredis: {addresses: [redis.test]}}", `addresses: "redis.test"`},
		"two addresses, and no word of what they are": {"receivers: {tykredis: {addresses: [a:6379, b:6379]}}", "addresses: got 2"},
		"a URL with parameters":                       {`receivers: {tykredis: {addresses: ["redis://a:6379?timeout=1"]}}`, "addresses: a URL"},
		"a database of a cluster":                     {"receivers: {tykredis: {cluster: true, database: 3}}", "database: 3: a Redis Cluster has no databases"},
		"TLS settings without TLS":                    {"receivers: {tykredis: {tls: {ca_file: /ca.pem}}}", "tls::insecure: true, the default"},
		"a misspelt key":                              {"receivers: {tykredis: {poll_intervall: 1s}}", "has invalid keys: poll_intervall"},
		"uptime and requests both off":                {"receivers: {tykredis: {requests: {enabled: false}}}", "requests::enabled and uptime::enabled: both are false"},
		"a field that records do not have":            {"processors: {tykfilter: {fields: {ignore: [no_such_field]}}}", "ignore: "},
		"a header with its value":                     {`processors: {tykfilter: {fields: {redact_headers: ["X-Key: abc"]}}}`, `redact_headers: "X-Key: abc"`},
		"a driver that does not exist":                {"exporters: {tyksql: {driver: oracle}}", `driver: "oracle" is not one of`},
		"a URL for MySQL":                             {`exporters: {tyksql: {driver: mysql, datasource: "mysql://a@b/c"}}`, "datasource: the value (not shown"},
		"a queue of tyksql that forgets":              {"exporters: {tyksql: {sending_queue: {wait_for_result: false}}}", "sending_queue::wait_for_result: false"},
		"a queue of tyksql that mixes deliveries":     {"exporters: {tyksql: {sending_queue: {batch: {min_size: 10}}}}", "sending_queue::batch: must not be set"},
		"one group, two destinations, in one process": {"receivers: {tykredis/b: }\nservice: {pipelines: {logs/b: {receivers: [tykredis/b], processors: [tykfilter], exporters: [tyksql]}}}", "have the same Redis, lists and group"},
		"no table":                              {"exporters: {tyksql: {tables: {requests: {enabled: false}, mcp: {enabled: false}}}}\nx_otelcol_tyk: {allow: [requests-unstored]}", "no table is enabled"},
		"two answers about health on one path":  {"extensions: {tykhealth: {live_path: /ready}}", `live_path: "/ready" is ready_path too`},
		"a rule that does not exist is allowed": {"x_otelcol_tyk: {allow: [memory-que]}", "x_otelcol_tyk::allow: there is no rule memory-que"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			validated(t, name, m.want, add, sound, m.config)
		})
	}
}

// runningMistakes are those that only the servers can tell.
func runningMistakes(t *testing.T, add func(mistake)) {
	for name, m := range map[string]struct {
		env  func(t *testing.T) []string
		want string
	}{
		"Redis wants a password": {func(t *testing.T) []string {
			return []string{"TYK_REDIS_ADDRESS=" + peers.StartRedis(t, peers.RedisPassword("s3cret")).Addr()}
		}, "Redis wants a password: set password"},
		"a wrong password of Redis": {func(t *testing.T) []string {
			return []string{"TYK_REDIS_ADDRESS=" + peers.StartRedis(t, peers.RedisPassword("s3cret")).Addr(), "TYK_REDIS_PASSWORD=wrong"}
		}, "check username and password"},
		"the wrong database of Redis": {func(t *testing.T) []string {
			r := peers.StartRedis(t)
			require.NoError(t, r.Client().RPush(t.Context(), "analytics-tyk-system-analytics", "x").Err())
			return []string{"TYK_REDIS_ADDRESS=" + r.Addr(), "TYK_REDIS_DATABASE=7"}
		}, "No records yet: gateways push to other lists of this Redis"},
		"a gateway without analytics": {func(t *testing.T) []string {
			return []string{"TYK_REDIS_ADDRESS=" + peers.StartRedis(t).Addr()}
		}, "No records yet: is analytics enabled in the gateway"},
		"a Redis that is away": {func(*testing.T) []string {
			return []string{"TYK_REDIS_ADDRESS=127.0.0.1:1"}
		}, "Redis cannot be read, trying again"},
		"TLS for a Redis that does not speak it": {func(t *testing.T) []string {
			return []string{"TYK_REDIS_ADDRESS=rediss://" + peers.StartRedis(t).Addr()}
		}, "the server does not answer: where it does not speak TLS"},
		"no TLS for a Redis that wants it": {func(t *testing.T) []string {
			return []string{"TYK_REDIS_ADDRESS=" + peers.StartRedis(t, peers.RedisTLS(false)).Addr()}
		}, "the server ends the connection: where it speaks TLS only"},
		"a sentinel taken for a Redis": {func(t *testing.T) []string {
			return []string{"TYK_REDIS_ADDRESS=" + peers.StartRedisSentinel(t).SentinelAddrs()[0]}
		}, "this server knows not even scripts: for a sentinel set sentinel::master_name"},
		"a database that Redis does not have": {func(t *testing.T) []string {
			return []string{"TYK_REDIS_ADDRESS=" + peers.StartRedis(t).Addr(), "TYK_REDIS_DATABASE=99"}
		}, "Redis has no such database"},
		"a PostgreSQL that is away": {func(t *testing.T) []string {
			return []string{"TYK_REDIS_ADDRESS=" + peers.StartRedis(t).Addr(), "TYK_SQL_DRIVER=postgres", "TYK_SQL_DATASOURCE=host=127.0.0.1 port=1 user=tyk dbname=tyk sslmode=disable"}
		}, "the destination does not take records"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newShipped(t, "", m.env(t)...)
			require.NoError(t, c.launch())
			ctx, cancel := context.WithTimeout(t.Context(), settleMistake)
			defer cancel()
			require.NoError(t, c.current().WaitOutput(ctx, m.want))
			add(mistake{name: name, when: running, said: sentence(c.output(), m.want)})
			c.kill()
		})
	}
}

// sentence is what begins with want, without the fields of the log behind it.
func sentence(out, want string) string {
	return strings.TrimSpace(regexp.MustCompile(regexp.QuoteMeta(want) + `[^\t\n{"\\]*`).FindString(out))
}

// mistakesPage is docs/mistakes.md.
func mistakesPage(all []mistake) string {
	slices.SortFunc(all, func(a, b mistake) int { return cmp.Or(cmp.Compare(a.when, b.when), cmp.Compare(a.name, b.name)) })
	var page strings.Builder
	page.WriteString("# Mistakes, and what is said of them\n\nMade by the end-to-end tests, which make each of these mistakes with the built binary.\n" +
		"[tyklintconverter](../confmap/tyklintconverter/README.md) finds those whose message ends in `(lint: NAME)`.\n")
	for _, when := range []string{refused, warned, running} {
		fmt.Fprintf(&page, "\n## %s\n\n| mistake | message |\n|---|---|\n", when)
		for _, m := range all {
			if m.when == when {
				fmt.Fprintf(&page, "| %s | `%s` |\n", m.name, strings.ReplaceAll(strings.ReplaceAll(m.said, "`", "'"), "|", "\\|"))
			}
		}
	}
	return page.String()
}
