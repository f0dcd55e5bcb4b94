//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
	"github.com/otelcol-tyk/otelcol-tyk/internal/traffic"
)

// What the fault test pushes, and what it does to the collector meanwhile.
const (
	faultRecords = 20_000
	faultPoison  = 20
	faultRate    = 2_000 // records a second
	faultKills   = 5
	// faultDrain is how long the backlog may take after the last fault.
	faultDrain = 60 * time.Second
	// seedVariable repeats a run: the times of the faults follow from the seed.
	seedVariable = "E2E_SEED"
)

// chaos is the seeded randomness of one run.
type chaos struct{ *rand.Rand }

func newChaos(tb testing.TB) *chaos {
	tb.Helper()
	seed := rand.Uint64()
	if text := os.Getenv(seedVariable); text != "" {
		var err error
		seed, err = strconv.ParseUint(text, 10, 64)
		require.NoError(tb, err, seedVariable)
	}
	tb.Logf("%s=%d", seedVariable, seed)
	return &chaos{rand.New(rand.NewPCG(seed, seed))}
}

// between draws a duration.
func (c *chaos) between(least, most time.Duration) time.Duration {
	return least + time.Duration(c.Int64N(int64(most-least)))
}

// oneOf draws a value.
func oneOf[T any](c *chaos, values ...T) T { return values[c.IntN(len(values))] }

// load pushes records as gateways do: in small pipelines, msgpack and protobuf,
// over many lists, of which those with msgpack expire. Each record's alias is its
// number. Poison of two kinds is among them: entries that do not decode, and
// records that no SQL column can hold.
type load struct {
	rdb         *redis.Client
	generator   *traffic.Generator
	random      *chaos
	undecodable map[string]bool // the entries
	refused     map[string]bool // the aliases
}

func newLoad(tb testing.TB, rdb *redis.Client, random *chaos) *load {
	tb.Helper()
	settings := traffic.DefaultSettings()
	settings.Seed = random.Uint64()
	settings.DetailedShare = 0.1
	settings.OmitMCP, settings.APIs = true, 11 // MCP records are stored in another table
	generator, err := traffic.New(settings)
	require.NoError(tb, err)
	return &load{
		rdb: rdb, generator: generator, random: random,
		undecodable: map[string]bool{}, refused: map[string]bool{},
	}
}

// run returns once all records were pushed.
func (l *load) run(ctx context.Context) error {
	const pace = 10 * time.Millisecond
	ticker := time.NewTicker(pace)
	defer ticker.Stop()
	for start, pushed := time.Now(), 0; pushed < faultRecords; {
		due := min(faultRecords, int(time.Since(start).Seconds()*faultRate))
		if err := l.flush(ctx, pushed, due); err != nil {
			return err
		}
		pushed = due
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// flush pushes the records from number from to, not including, number to.
func (l *load) flush(ctx context.Context, from, to int) error {
	if from == to {
		return nil
	}
	form := oneOf(l.random, msgpack, protobuf)
	list := form.list(l.random.IntN(4) - 1)
	pipe := l.rdb.Pipeline()
	for n := from; n < to; n++ {
		entry := l.entry(form, strconv.Itoa(n), nil)
		pipe.RPush(ctx, list, entry)
		if n%(faultRecords/faultPoison) == faultRecords/faultPoison/2 {
			pipe.RPush(ctx, list, l.poison(form, n, entry))
		}
	}
	if form == msgpack {
		pipe.ExpireNX(ctx, list, time.Minute)
	}
	_, err := pipe.Exec(ctx)
	return err
}

func (l *load) entry(form encoding, alias string, change func(*analytics.Record)) []byte {
	r := l.generator.Next(time.Now())
	r.Alias = alias
	if change != nil {
		change(r)
	}
	if form == protobuf {
		return analytics.AppendProtobuf(nil, r)
	}
	return analytics.AppendMsgpack(nil, r)
}

// poison makes an entry that must become a dead letter.
func (l *load) poison(form encoding, n int, good []byte) []byte {
	if form == msgpack && l.random.IntN(2) == 0 {
		alias := fmt.Sprintf("refused %d", n)
		l.refused[alias] = true
		return l.entry(form, alias, func(r *analytics.Record) { r.Geo.CityGeoNameID = math.MaxUint64 })
	}
	entry := good[:len(good)-1] // ends within a string
	if l.random.IntN(2) == 0 {
		entry = append([]byte(strings.Repeat("\xff", 12)), fmt.Sprintf("garbage %d", n)...)
	}
	l.undecodable[string(entry)] = true
	return entry
}

// requireLetters checks that exactly the poison was buried, unchanged.
func (l *load) requireLetters(tb testing.TB, letters map[string][]claim.Letter) {
	tb.Helper()
	undecodable, refused := map[string]bool{}, map[string]bool{}
	total := 0
	for list, of := range letters {
		for _, letter := range of {
			total++
			if l.undecodable[string(letter.Entry)] {
				undecodable[string(letter.Entry)] = true
				assert.Contains(tb, letter.Reason, "undecodable: ")
				continue
			}
			var r analytics.Record
			require.NoErrorf(tb, analytics.DecodeMsgpack(letter.Entry, &r), "a letter of %s that was not pushed as poison: %s", list, letter.Reason)
			assert.Truef(tb, l.refused[r.Alias], "a letter of %s is the record %q: %s", list, r.Alias, letter.Reason)
			assert.Contains(tb, letter.Reason, "refused: ")
			refused[r.Alias] = true
		}
	}
	assert.Equal(tb, faultPoison, total, "dead letters")
	assert.Len(tb, undecodable, len(l.undecodable), "undecodable entries, each once")
	assert.Len(tb, refused, len(l.refused), "refused records, each once")
}

// tally is what a store says about the records' numbers.
type tally struct{ rows, distinct, least, most int }

// tallyQuery works in both stores.
const tallyQuery = `select count(*), count(distinct alias), min(cast(alias as integer)), max(cast(alias as integer)) from ` + table

var allOnce = tally{rows: faultRecords, distinct: faultRecords, least: 0, most: faultRecords - 1}

// killRepeatedly ends the collector with SIGKILL, again and again, at any moment
// of its life, and leaves it running. Some of the processes are frozen before, for
// longer than their leases, so that they wake up holding what others took over.
func killRepeatedly(c *collector, random *chaos) error {
	for range faultKills {
		if err := c.launch(); err != nil {
			return err
		}
		time.Sleep(random.between(50*time.Millisecond, 2*time.Second))
		if random.IntN(4) == 0 {
			process := c.current()
			if err := process.Signal(syscall.SIGSTOP); err != nil {
				return err
			}
			time.Sleep(random.between(1200*time.Millisecond, 2500*time.Millisecond))
			if err := process.Signal(syscall.SIGCONT); err != nil {
				return err
			}
			time.Sleep(random.between(0, 200*time.Millisecond))
		}
		c.kill()
		time.Sleep(random.between(0, 300*time.Millisecond))
	}
	return c.launch()
}

// faultReceiver leases for as short a time as the configuration allows, so that
// what a dead process held is soon taken up.
func faultReceiver(random *chaos) object {
	return object{
		"lease": "1s", "poll_interval": "50ms",
		"chunk_size": oneOf(random, 50, 300, 5000), "max_in_flight": oneOf(random, 1, 2, 4),
	}
}

// faultExporter gives up an attempt soon, because a stopped server does not answer.
func faultExporter(driver, datasource string) object {
	return object{
		"driver": driver, "datasource": datasource, "timeout": "5s",
		"retry_on_failure": object{"initial_interval": "100ms", "max_interval": "1s"},
	}
}

func TestNoRecordIsLostOrStoredTwiceWhenPostgreSQLStopsAndCollectorsAreKilled(t *testing.T) {
	for name, replicas := range map[string]int{"one collector": 1, "two collectors": 2} {
		t.Run(name, func(t *testing.T) {
			random := newChaos(t)
			redis := peers.StartRedis(t)
			// Else a crash of the server loses what it has committed last.
			postgres := peers.StartPostgres(t, peers.PostgresConfig("synchronous_commit=on"))
			dsn := postgres.FreshDatabase(t)
			config := pipeline(redis, faultReceiver(random), object{}, map[string]object{"tyksql": faultExporter("postgres", dsn)})

			l := newLoad(t, redis.Client(), &chaos{rand.New(rand.NewPCG(random.Uint64(), 1))})
			var faults sync.WaitGroup
			for range replicas {
				c, own := newCollector(t, config), &chaos{rand.New(rand.NewPCG(random.Uint64(), 2))}
				faults.Go(func() { assert.NoError(t, killRepeatedly(c, own)) })
			}
			outage := &chaos{rand.New(rand.NewPCG(random.Uint64(), 3))}
			faults.Go(func() {
				time.Sleep(outage.between(time.Second, 5*time.Second))
				if oneOf(outage, true, false) {
					postgres.Kill()
				} else {
					assert.NoError(t, postgres.Stop(t.Context()))
				}
				time.Sleep(outage.between(2*time.Second, 4*time.Second))
				assert.NoError(t, postgres.Start(t.Context()))
			})
			require.NoError(t, l.run(t.Context()))
			faults.Wait()

			waitDrained(t, redis.Client(), faultDrain)
			var got tally
			require.NoError(t, connect(t, dsn).QueryRow(t.Context(), tallyQuery).Scan(&got.rows, &got.distinct, &got.least, &got.most))
			assert.Equal(t, allOnce, got)
			l.requireLetters(t, deadLetters(t, redis.Client()))
		})
	}
}

func TestNoRecordIsLostOrStoredTwiceInSQLiteWhenTheCollectorIsKilled(t *testing.T) {
	random := newChaos(t)
	redis := peers.StartRedis(t)
	file := filepath.Join(t.TempDir(), "analytics.db")
	c := newCollector(t, pipeline(redis, faultReceiver(random), object{}, map[string]object{"tyksql": faultExporter("sqlite", file)}))
	l := newLoad(t, redis.Client(), &chaos{rand.New(rand.NewPCG(random.Uint64(), 1))})
	var faults sync.WaitGroup
	faults.Go(func() { assert.NoError(t, killRepeatedly(c, random)) })
	require.NoError(t, l.run(t.Context()))
	faults.Wait()

	waitDrained(t, redis.Client(), faultDrain)
	c.waitReady() // with little left, a start takes longer than the rest
	c.stop()
	var got tally
	require.NoError(t, openSQLite(t, file).QueryRowContext(t.Context(), tallyQuery).Scan(&got.rows, &got.distinct, &got.least, &got.most))
	assert.Equal(t, allOnce, got)
	l.requireLetters(t, deadLetters(t, redis.Client()))
}
