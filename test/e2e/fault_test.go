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
	faultDrain = 3 * time.Minute
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

// child is for another goroutine.
func (c *chaos) child() *chaos { return &chaos{rand.New(rand.NewPCG(c.Uint64(), c.Uint64()))} }

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
	undecodable map[string]bool        // the entries
	refused     map[string]bool        // the aliases
	seen        func(encoding, []byte) // may be nil; gets each entry that decodes
	storedAll   bool                   // the store refuses nothing, so that all poison is undecodable
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

// run returns once all records were pushed. They come in bursts, of which some are
// big, so that there is a backlog now and then.
func (l *load) run(ctx context.Context) error {
	for start, pushed := time.Now(), 0; pushed < faultRecords; {
		due := min(faultRecords, int(time.Since(start).Seconds()*faultRate))
		if err := l.flush(ctx, pushed, due); err != nil {
			return err
		}
		pushed = due
		select {
		case <-time.After(l.random.between(5*time.Millisecond, 500*time.Millisecond)):
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
	encode := analytics.AppendMsgpack
	if form == protobuf {
		encode = analytics.AppendProtobuf
	}
	entry := encode(nil, r)
	if l.seen != nil {
		l.seen(form, entry)
	}
	return entry
}

// poison makes an entry that must become a dead letter.
func (l *load) poison(form encoding, n int, good []byte) []byte {
	if !l.storedAll && form == msgpack && l.random.IntN(2) == 0 {
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

// requireAccounts checks that exactly the poison became dead letters, unchanged, and that
// the receipts say so too.
func (l *load) requireAccounts(tb testing.TB) {
	tb.Helper()
	letters := deadLetters(tb, l.rdb)
	assert.Equal(tb, map[string]int64{
		"claimed": faultRecords + faultPoison, "default|acked": faultRecords + faultPoison, "default|dead": faultPoison,
		"default|delivered": faultRecords,
	}, receipts(tb, l.rdb))
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
	assert.Equal(tb, len(l.undecodable), len(undecodable), "undecodable entries, each once") //nolint:testifylint // Len would print them all
	assert.Equal(tb, l.refused, refused, "refused records, each once")
}

// tally is what a store says about the records' numbers.
type tally struct{ rows, distinct, least, most int }

// tallyQuery works in both stores.
const tallyQuery = `select count(*), count(distinct alias), min(cast(alias as integer)), max(cast(alias as integer)) from ` + table

var allOnce = tally{rows: faultRecords, distinct: faultRecords, least: 0, most: faultRecords - 1}

// faults are done to one collector.
type faults struct {
	collector *collector
	rdb       *redis.Client
	random    *chaos
}

// run ends the collector with SIGKILL, again and again, at any moment of its life,
// and leaves it running.
func (f *faults) run(ctx context.Context) error {
	preludes := [faultKills]func(context.Context) error{
		f.nothing, f.freeze, f.withholdAcknowledgements, f.withholdAcknowledgements, f.withholdAcknowledgements,
	}
	f.random.Shuffle(faultKills, func(i, j int) { preludes[i], preludes[j] = preludes[j], preludes[i] })
	for _, prelude := range preludes {
		if err := f.collector.launch(); err != nil {
			return err
		}
		time.Sleep(f.random.between(50*time.Millisecond, 2*time.Second))
		if err := prelude(ctx); err != nil {
			return err
		}
		f.collector.kill()
		time.Sleep(f.random.between(0, 300*time.Millisecond))
	}
	return f.collector.launch()
}

func (f *faults) nothing(context.Context) error { return nil }

// withholdAcknowledgements lets the collector go on reading and storing what it has
// claimed, and lets no acknowledgement through: what is stored now will be
// delivered again. Without this the process would rarely die between the two.
func (f *faults) withholdAcknowledgements(ctx context.Context) error {
	for began := time.Now(); time.Since(began) < 2*time.Second; time.Sleep(time.Millisecond) {
		claimed, err := f.rdb.Keys(ctx, "otelcol-tyk:*:seg:*").Result()
		if err != nil {
			return err
		}
		if len(claimed) > 0 {
			break
		}
	}
	pause := f.random.between(50*time.Millisecond, 300*time.Millisecond)
	// Redis' pause is a little longer, so that the process does not outlive it.
	const longer = 200
	if err := f.rdb.Do(ctx, "CLIENT", "PAUSE", pause.Milliseconds()+longer, "WRITE").Err(); err != nil {
		return err
	}
	time.Sleep(pause)
	return nil
}

// freeze stops the process for longer than its lease, so that it wakes up holding
// what others took over.
func (f *faults) freeze(context.Context) error {
	process := f.collector.current()
	if err := process.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	time.Sleep(f.random.between(1200*time.Millisecond, 2500*time.Millisecond))
	if err := process.Signal(syscall.SIGCONT); err != nil {
		return err
	}
	time.Sleep(f.random.between(0, 200*time.Millisecond))
	return nil
}

// faultReceiver leases for as short a time as the configuration allows, so that
// what a dead process held is soon taken up.
func faultReceiver(random *chaos) object {
	return object{
		"lease": "1s", "timeout": "1s", "shutdown_timeout": "600ms", "poll_interval": "50ms",
		"chunk_size": oneOf(random, 50, 200, 1000), "max_in_flight": oneOf(random, 1, 2, 4),
	}
}

// faultExporter gives up an attempt soon, because a stopped server does not answer.
func faultExporter(driver, datasource string) object {
	return object{
		"driver": driver, "datasource": datasource, "timeout": "5s",
		"retry_on_failure": object{"initial_interval": "100ms", "max_interval": "1s"},
	}
}

// slowPostgres makes each delivery take some time, as with a server that is busy or
// far away: the faults shall find deliveries under way.
func slowPostgres(tb testing.TB, dsn string) {
	tb.Helper()
	_, err := connect(tb, dsn).Exec(tb.Context(), `
		create function take_time() returns trigger language plpgsql as
			$$ begin perform pg_sleep(random() * 0.02); return null; end $$;
		create trigger take_time before insert on `+table+` for each statement execute function take_time();`)
	require.NoError(tb, err)
}

func TestNoRecordIsLostOrStoredTwiceWhenPostgreSQLStopsAndCollectorsAreKilled(t *testing.T) {
	for name, replicas := range map[string]int{"one collector": 1, "two collectors": 2} {
		t.Run(name, func(t *testing.T) {
			random := newChaos(t)
			redis := peers.StartRedis(t)
			postgres := peers.StartPostgres(t)
			dsn := postgres.FreshDatabase(t)
			config := pipeline(redis, faultReceiver(random), object{}, map[string]object{"tyksql": faultExporter("postgres", dsn)})
			first := newCollector(t, config)
			first.start() // makes the table
			first.stop()
			slowPostgres(t, dsn)

			l := newLoad(t, redis.Client(), random.child())
			var background sync.WaitGroup
			for range replicas {
				f := &faults{newCollector(t, config), redis.Client(), random.child()}
				background.Go(func() { assert.NoError(t, f.run(t.Context())) })
			}
			outage := random.child()
			background.Go(func() { assert.NoError(t, stopOnce(t.Context(), postgres, outage)) })
			require.NoError(t, l.run(t.Context()))
			background.Wait()

			waitDrained(t, redis.Client(), faultDrain)
			var got tally
			require.NoError(t, connect(t, dsn).QueryRow(t.Context(), tallyQuery).Scan(&got.rows, &got.distinct, &got.least, &got.most))
			assert.Equal(t, allOnce, got)
			l.requireAccounts(t)
		})
	}
}

// stopOnce stops the server for some seconds, in good order or not.
func stopOnce(ctx context.Context, postgres *peers.Postgres, random *chaos) error {
	time.Sleep(random.between(time.Second, 5*time.Second))
	if random.IntN(2) == 0 {
		postgres.Kill()
	} else if err := postgres.Stop(ctx); err != nil {
		return err
	}
	time.Sleep(random.between(2*time.Second, 4*time.Second))
	return postgres.Start(ctx)
}

func TestNoRecordIsLostOrStoredTwiceInSQLiteWhenTheCollectorIsKilled(t *testing.T) {
	random := newChaos(t)
	redis := peers.StartRedis(t)
	file := filepath.Join(t.TempDir(), "analytics.db")
	receiver := faultReceiver(random)
	receiver["chunk_size"] = 50 // there is no way to slow SQLite down
	c := newCollector(t, pipeline(redis, receiver, object{}, map[string]object{"tyksql": faultExporter("sqlite", file)}))
	l, f := newLoad(t, redis.Client(), random.child()), &faults{c, redis.Client(), random.child()}
	var background sync.WaitGroup
	background.Go(func() { assert.NoError(t, f.run(t.Context())) })
	require.NoError(t, l.run(t.Context()))
	background.Wait()

	waitDrained(t, redis.Client(), faultDrain)
	var got tally
	require.NoError(t, openSQLite(t, file).QueryRowContext(t.Context(), tallyQuery).Scan(&got.rows, &got.distinct, &got.least, &got.most))
	assert.Equal(t, allOnce, got)
	l.requireAccounts(t)
}
