//go:build e2e || chaos

package chaos

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/traffic"
)

const (
	gateways = 2
	// timeToLive is what a gateway gives its msgpack lists, in s (contract: records
	// and raw stores, section 1.3).
	timeToLive = 60
	// flushRecords is how many records a gateway pushes at once, at most.
	flushRecords = 500
	// bigShare is the share of records with a response of 4 to 400 kB, of which some
	// are more than a chunk may hold.
	bigShare = 1.0 / 400
	// messageList is the list of a gateway without multiple keys.
	messageList = "analytics-tyk-system-analytics"
	bufSuffix   = "_protobuf"
)

// pushOnce pushes entries once, however often it is asked to: a push of which the
// answer was lost can be repeated. It always writes, so that WAIT after it waits
// for what an earlier attempt has pushed too.
//
// KEYS: the number of the gateway's last flush, list
// ARGV: number of the flush, time to live in s or 0, entries
var pushOnce = `
local last = tonumber(redis.call('GET', KEYS[1]) or '0')
redis.call('SET', KEYS[1], math.max(last, tonumber(ARGV[1])))
if last >= tonumber(ARGV[1]) then
  return 0
end
for i = 3, #ARGV do
  redis.call('RPUSH', KEYS[2], ARGV[i])
end
if ARGV[2] ~= '0' and redis.call('TTL', KEYS[2]) == -1 then
  redis.call('EXPIRE', KEYS[2], ARGV[2])
end
return #ARGV - 2`

// flush is what a gateway pushes at once.
type flush struct {
	gateway, number int
	list            string
	from, to        int // its records
	poison          int
	begun, done     time.Time // done is when Redis, and its replicas, had confirmed it
	attempts        int
}

// journal is everything that was pushed. A record's number is that of its gateway
// plus a multiple of the number of gateways.
type journal struct {
	mu          sync.Mutex // guards the fields below
	flushes     []*flush
	undecodable map[string]*flush  // the entries
	refused     map[string]refused // by alias
	sums        sums
	rollups     rollups
}

func newJournal() *journal {
	return &journal{undecodable: map[string]*flush{}, refused: map[string]refused{}, sums: sums{}, rollups: rollups{}}
}

// gateway pushes records as gateways do: now and then some, msgpack and protobuf,
// over several lists. Poison is among them: entries that do not decode, and records
// that some store or other refuses.
type gateway struct {
	number    int
	plan      plan
	server    server
	rdb       redis.UniversalClient
	generator *traffic.Generator
	dice      *dice
	journal   *journal
	made      int // records
	poisoned  int // poison entries
	flushes   int
}

func newGateway(number int, p plan, s server, rdb redis.UniversalClient, j *journal) (*gateway, error) {
	d := newDice(p.seed, "gateway "+strconv.Itoa(number))
	settings := traffic.DefaultSettings()
	settings.Seed = d.Uint64()
	settings.DetailedShare = 0.1
	settings.OmitMCP, settings.APIs = true, 11 // MCP records are stored in another table
	generator, err := traffic.New(settings)
	if err != nil {
		return nil, err
	}
	return &gateway{number: number, plan: p, server: s, rdb: rdb, generator: generator, dice: d, journal: j}, nil
}

// run pushes until the plan's time is over, and what is due by then. The records
// come in bursts, of which some are big.
func (g *gateway) run(ctx context.Context) error {
	began := time.Now()
	for over := false; !over; {
		since := time.Since(began)
		over = since >= g.plan.length
		due := int(min(since, g.plan.length).Seconds() * float64(g.plan.rate) / gateways)
		for g.made < due {
			if err := g.flush(ctx, min(due-g.made, flushRecords)); err != nil {
				return fmt.Errorf("gateway %d: %w", g.number, err)
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(g.dice.between(5*time.Millisecond, 400*time.Millisecond)):
		}
	}
	return nil
}

// flush makes records and pushes them.
func (g *gateway) flush(ctx context.Context, records int) error {
	protobuf := g.dice.chance(0.5)
	f := &flush{gateway: g.number, number: g.flushes + 1, list: listName(protobuf, g.dice.IntN(g.plan.lists)), from: g.made, to: g.made + records, begun: time.Now()}
	expire := timeToLive
	if protobuf {
		expire = 0
	}
	args := []any{f.number, expire}
	for ; g.made < f.to; g.made++ {
		entry := g.entry(protobuf, strconv.Itoa(g.made*gateways+g.number), g.journal.count)
		args = append(args, entry)
		if g.made%g.plan.poison == g.plan.poison/2 {
			for range oneOf(g.dice, 1, 1, 1, 2, 30) {
				args = append(args, g.poison(f, protobuf))
				f.poison++
			}
		}
	}
	g.flushes++
	g.journal.begin(f)
	return g.push(ctx, f, args)
}

func (g *gateway) entry(protobuf bool, alias string, change func(*analytics.Record)) []byte {
	// InfluxDB has one point for a time: no two gateways have one in common.
	r := g.generator.Next(time.Now().Truncate(gateways).Add(time.Duration(g.number)))
	r.Alias, r.RawRequest = alias, recorded(alias)
	if g.dice.chance(bigShare) {
		r.RawResponse = strings.Repeat("QUJD", 1000*(1+g.dice.IntN(100)))
	}
	change(r)
	if protobuf {
		return analytics.AppendProtobuf(nil, r)
	}
	return analytics.AppendMsgpack(nil, r)
}

// push repeats a flush until Redis, and as many replicas as the plan asks for, have it.
func (g *gateway) push(ctx context.Context, f *flush, args []any) error {
	keys := []string{"chaos:{" + f.list + "}:" + strconv.Itoa(g.number), f.list}
	err := retry(ctx, "push", func(ctx context.Context) error {
		f.attempts++
		master, err := g.server.at(ctx, g.rdb, f.list)
		if err != nil {
			return err
		}
		pipe := master.Pipeline()
		pipe.Eval(ctx, pushOnce, keys, args...)
		waited := redis.NewCmdResult(int64(0), nil)
		copies := g.server.copies()
		if copies > 0 {
			waited = pipe.Do(ctx, "WAIT", copies, (redisTimeout / 2).Milliseconds())
		}
		if _, err := pipe.Exec(ctx); err != nil {
			return err
		}
		if n, err := waited.Int(); err != nil || n < copies {
			return errors.Join(fmt.Errorf("%d of %d replicas have it", n, copies), err)
		}
		return nil
	})
	g.journal.end(f)
	return err
}

func listName(protobuf bool, n int) string {
	name := messageList
	if n > 0 {
		name += "_" + strconv.Itoa(n-1)
	}
	if protobuf {
		name += bufSuffix
	}
	return name
}

// lists are those that the plan's gateways push to.
func (p plan) names() []string {
	var names []string
	for n := range p.lists {
		names = append(names, listName(false, n), listName(true, n))
	}
	return names
}

func (j *journal) begin(f *flush) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.flushes = append(j.flushes, f)
}

func (j *journal) count(r *analytics.Record) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.sums.add(sumsOf{r.APIID, r.ResponseCode}, sum{1, r.RequestTime, r.ContentLength})
	j.countRollups(r)
}

// countRollups counts a record that rollups count, also where a table of records
// refuses it. The records are of organisations, and none is of a TCP API.
func (j *journal) countRollups(r *analytics.Record) {
	of := rollupOf{graph: r.GraphQL.IsGraphQL, org: r.OrgID, bucket: r.TimeStamp.Truncate(time.Minute).Unix()}
	for _, of.api = range []string{"", r.APIID} { // its organisation's total, and its API
		j.rollups.add(of, rollup{1, r.RequestTime})
	}
}

func (j *journal) end(f *flush) {
	j.mu.Lock()
	defer j.mu.Unlock()
	f.done = time.Now()
}

// totals count what was pushed.
func (j *journal) totals() (records, poison int) {
	for _, f := range j.flushes {
		records += f.to - f.from
		poison += f.poison
	}
	return records, poison
}

// entries counts what was pushed to each list, poison too.
func (j *journal) entries() map[string]int64 {
	counts := map[string]int64{}
	for _, f := range j.flushes {
		counts[f.list] += int64(f.to - f.from + f.poison)
	}
	return counts
}

// byRecord finds the flush of each record.
func (j *journal) byRecord() map[int]*flush {
	found := map[int]*flush{}
	for _, f := range j.flushes {
		for n := f.from; n < f.to; n++ {
			found[n*gateways+f.gateway] = f
		}
	}
	return found
}
