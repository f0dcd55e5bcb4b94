package tykredisreceiver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// picky is a destination that refuses some records in the way of an exporter, and counts
// how often it took each.
type picky struct {
	// take takes some of what came, and says what became of the rest.
	take func(p *picky, records []sentRecord) error
	// isBad tells the records that are refused.
	isBad func(key int) bool
	// releases gives records up before the answer, as tykaggregate does.
	releases bool

	mu    sync.Mutex // guards the rest
	taken map[int]int
	calls int
	down  func(call int) bool // nil for never
}

type sentRecord struct {
	key int
	uid string
	lr  plog.LogRecord
}

func (*picky) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

func (p *picky) ConsumeLogs(ctx context.Context, ld plog.Logs) error {
	var records []sentRecord
	eachRecord(ld, func(lr plog.LogRecord) {
		var r analytics.Record
		uid := r.FromLog(lr)
		key, _ := strconv.Atoi(r.APIKey)
		records = append(records, sentRecord{key, uid, lr})
	})
	if p.releases {
		analytics.EntriesOf(ctx).Release()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls++
	if p.down != nil && p.down(p.calls) {
		return errors.New("503 service unavailable")
	}
	return p.take(p, records)
}

func (p *picky) accept(records []sentRecord) {
	for _, r := range records {
		p.taken[r.key]++
	}
}

func (p *picky) bad(records []sentRecord) []sentRecord {
	return slices.DeleteFunc(slices.Clone(records), func(r sentRecord) bool { return !p.isBad(r.key) })
}

func (p *picky) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.taken)
}

// most is how often the record was taken that was taken most often.
func (p *picky) most() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, times := range p.taken {
		n = max(n, times)
	}
	return n
}

// notRetryable is what exporters' retrying makes of a permanent error.
func notRetryable(err error) error { return fmt.Errorf("not retryable error: %w", err) }

// naming takes the good records and names the others, as exporters of Tyk's schemas do.
func naming(p *picky, records []sentRecord) error {
	refused := &analytics.RefusedError{}
	for _, r := range records {
		if !p.isBad(r.key) {
			p.accept([]sentRecord{r})
			continue
		}
		uid, err := analytics.ParseUID(r.uid)
		if err != nil {
			return err
		}
		refused.Records = append(refused.Records, analytics.RefusedRecord{UID: uid, Reason: "too odd", Destination: "tyksql"})
	}
	if len(refused.Records) == 0 {
		return nil
	}
	return notRetryable(consumererror.NewPermanent(refused))
}

// plainly refuses a request that holds a bad record, as HTTP exporters do.
func plainly(p *picky, records []sentRecord) error {
	if len(p.bad(records)) > 0 {
		return notRetryable(consumererror.NewPermanent(errors.New("400 bad request")))
	}
	p.accept(records)
	return nil
}

// inBuffers sends one request after the other, as splunk_hec does, and returns what was
// not sent with the first that is refused.
func inBuffers(p *picky, records []sentRecord) error {
	const buffer = 300
	for len(records) > 0 {
		next := records[:min(buffer, len(records))]
		if len(p.bad(next)) > 0 {
			rest := plog.NewLogs()
			to := rest.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
			for _, r := range records {
				r.lr.CopyTo(to.AppendEmpty())
			}
			return notRetryable(consumererror.NewLogs(consumererror.NewPermanent(errors.New(`HTTP "/services/collector" 400 "Bad Request"`)), rest))
		}
		p.accept(next)
		records = records[len(next):]
	}
	return nil
}

// inMessages takes each good record and joins an error for each other, as kafka does.
func inMessages(p *picky, records []sentRecord) error {
	var errs []error
	for _, r := range records {
		if p.isBad(r.key) {
			errs = append(errs, consumererror.NewPermanent(errors.New(`error exporting to topic "tyk": MESSAGE_TOO_LARGE`)))
			continue
		}
		p.accept([]sentRecord{r})
	}
	if len(errs) == 0 {
		return nil
	}
	return notRetryable(errors.Join(errs...))
}

// inAllWays runs a test with each kind of exporter, and how often it may take a good record.
func inAllWays(t *testing.T, test func(t *testing.T, p *picky, most int)) {
	t.Helper()
	for _, way := range []struct {
		name     string
		take     func(*picky, []sentRecord) error
		most     int
		releases bool
	}{
		{"naming", naming, 1, false},
		{"plainly", plainly, 1, false},
		{"in buffers", inBuffers, 1, false},
		{"in messages", inMessages, 2, false},
		{"naming, of what it has given up", naming, 1, true},
		{"plainly, of what it has given up", plainly, 1, true},
	} {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			test(t, &picky{take: way.take, taken: map[int]int{}, releases: way.releases}, way.most)
		})
	}
}

func big(cfg *Config) { cfg.ChunkSize = 4000 }

func TestRefusedRecordsStandAsideAndTheirNeighboursAreSentOnceMoreAtMost(t *testing.T) {
	for name, test := range map[string]struct {
		records int
		isBad   func(key int) bool
		dead    int
	}{
		"one of 4000":           {4000, func(key int) bool { return key == 1777 }, 1},
		"four of 4000":          {4000, func(key int) bool { return key%1000 == 500 }, 4},
		"the first":             {1000, func(key int) bool { return key == 0 }, 1},
		"the last":              {1000, func(key int) bool { return key == 999 }, 1},
		"200 in a row at first": {1000, func(key int) bool { return key < 200 }, 200},
		"200 in a row":          {1000, func(key int) bool { return key >= 500 && key < 700 }, 200},
		"every second":          {1000, func(key int) bool { return key%2 == 0 }, 500},
		"one of two":            {2, func(key int) bool { return key == 1 }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			inAllWays(t, func(t *testing.T, p *picky, most int) {
				r := newRedis(t)
				pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 0, test.records)
				p.isBad = test.isBad
				rec := start(t, r.Addr(), p, big)
				eventually(t, "an empty Redis", func() bool {
					return p.count() == test.records-test.dead && len(leftover(t, r.Client())) == 0
				})
				assert.Len(t, letters(t, r.Client(), list), test.dead)
				assert.LessOrEqual(t, p.most(), most)
				want := map[string]int64{
					"claimed": int64(test.records), "delivered": int64(test.records - test.dead), "shed": 0,
					"dead_lettered": int64(test.dead), "lost": 0, "in_flight": 0,
				}
				eventually(t, "the receipts", func() bool { return assert.ObjectsAreEqual(want, rec.receipts(t)) })
			})
		})
	}
}

// What was found stays found while the destination is away in between.
func TestARefusalIsFoundAlthoughTheDestinationIsAwayNowAndThen(t *testing.T) {
	inAllWays(t, func(t *testing.T, p *picky, most int) {
		r := newRedis(t)
		pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 0, 400)
		p.isBad = func(key int) bool { return key%100 == 50 }
		p.down = func(call int) bool { return call%3 == 0 }
		start(t, r.Addr(), p, func(cfg *Config) {
			big(cfg)
			cfg.Redelivery.InitialInterval, cfg.Redelivery.MaxInterval = time.Millisecond, 2*time.Millisecond
		})
		eventually(t, "an empty Redis", func() bool { return p.count() == 396 && len(leftover(t, r.Client())) == 0 })
		assert.Len(t, letters(t, r.Client(), list), 4)
		assert.LessOrEqual(t, p.most(), most)
	})
}

func TestADestinationThatRefusesEverythingGetsItAllLater(t *testing.T) {
	inAllWays(t, func(t *testing.T, p *picky, most int) {
		r := newRedis(t)
		pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 0, 900)
		var wrongToken atomic.Bool
		wrongToken.Store(true)
		p.isBad = func(key int) bool { return wrongToken.Load() || key == 77 }
		rec := start(t, r.Addr(), p, func(cfg *Config) {
			cfg.ChunkSize = 300
			cfg.Redelivery.InitialInterval, cfg.Redelivery.MaxInterval = 10*time.Millisecond, 50*time.Millisecond
		})
		eventually(t, "some attempts", func() bool { return rec.sum(t, "tykredis_chunks_redelivered") >= 30 })
		assert.Equal(t, componentstatus.StatusRecoverableError, rec.host.last())
		assert.Contains(t, rec.host.said(), "refuses everything")
		assert.Empty(t, letters(t, r.Client(), list), "a wrong token is no reason to give records up")

		wrongToken.Store(false)
		eventually(t, "an empty Redis", func() bool { return p.count() == 899 && len(leftover(t, r.Client())) == 0 })
		assert.Len(t, letters(t, r.Client(), list), 1)
		assert.LessOrEqual(t, p.most(), most)
		eventually(t, "a good status", func() bool { return rec.host.last() == componentstatus.StatusOK })
	})
}

// Each comes alone, so that nothing is accepted beside it.
func TestManyRefusedDeliveriesInARowLetLaterOnesBringTheEvidence(t *testing.T) {
	for name, test := range map[string]struct {
		take      func(*picky, []sentRecord) error
		chunkSize int
	}{"naming": {naming, 4000}, "plainly": {plainly, 4000}, "in chunks of one": {plainly, 1}} {
		t.Run(name, func(t *testing.T) {
			const bad = 200
			r := newRedis(t)
			var seen atomic.Int64
			p := &picky{taken: map[int]int{}, isBad: func(key int) bool { return key < bad }}
			p.take = func(p *picky, records []sentRecord) error {
				for _, r := range records {
					seen.Store(max(seen.Load(), int64(r.key+1)))
				}
				return test.take(p, records)
			}
			rec := start(t, r.Addr(), p, func(cfg *Config) { cfg.ChunkSize = test.chunkSize })
			for key := range bad {
				pushRecords(t, r.Client(), list, analytics.AppendMsgpack, key, key+1)
				eventually(t, "an attempt at "+strconv.Itoa(key), func() bool { return seen.Load() == int64(key+1) })
			}
			assert.Empty(t, letters(t, r.Client(), list))
			pushRecords(t, r.Client(), list, analytics.AppendMsgpack, bad, bad+1)
			eventually(t, "an empty Redis", func() bool { return p.count() == 1 && len(leftover(t, r.Client())) == 0 })
			assert.Len(t, letters(t, r.Client(), list), bad)
			eventually(t, "a good status", func() bool { return rec.host.last() == componentstatus.StatusOK })
		})
	}
}

// A processor may have dropped or changed the identity that a refusal names.
func TestARefusalOfARecordThatWasNotSentRefusesTheBatch(t *testing.T) {
	r := newRedis(t)
	pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 0, 30)
	p := &picky{taken: map[int]int{}, isBad: func(key int) bool { return key == 13 }}
	p.take = func(p *picky, records []sentRecord) error {
		if len(p.bad(records)) == 0 {
			p.accept(records)
			return nil
		}
		return consumererror.NewPermanent(&analytics.RefusedError{Records: []analytics.RefusedRecord{{UID: analytics.UID{Segment: "elsewhere"}, Reason: "too odd"}}})
	}
	start(t, r.Addr(), p, big)
	eventually(t, "an empty Redis", func() bool { return p.count() == 29 && len(leftover(t, r.Client())) == 0 })
	assert.Len(t, letters(t, r.Client(), list), 1)
}

func TestAListOfWhichNothingCanBeDecodedWaits(t *testing.T) {
	r := newRedis(t)
	pipe := r.Client().Pipeline()
	for range 100 {
		pipe.RPush(t.Context(), list, "\xc1a new format")
	}
	_, err := pipe.Exec(t.Context())
	require.NoError(t, err)
	pushRecords(t, r.Client(), list+"_1", analytics.AppendMsgpack, 0, 50)
	d := newDestination()
	rec := start(t, r.Addr(), d, big)
	eventually(t, "the other list", func() bool { return d.count() == 50 && rec.sum(t, "tykredis_records_delivered") == 50 })
	eventually(t, "a status", func() bool { return strings.Contains(rec.host.said(), "new format") })
	assert.Empty(t, letters(t, r.Client(), list))

	pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 50, 51)
	eventually(t, "an empty Redis", func() bool { return d.count() == 51 && len(leftover(t, r.Client())) == 0 })
	assert.Len(t, letters(t, r.Client(), list), 100)
	eventually(t, "a good status", func() bool { return rec.host.last() == componentstatus.StatusOK })
}

// Entries that were to blame themselves until Redis could keep them may be those of a new format
// by then, as others show that came meanwhile.
func TestDeadLettersThatWaitedMayTurnOutToBeOfANewFormat(t *testing.T) {
	r := newRedis(t)
	acl := func(rule string) {
		require.NoError(t, r.Client().Do(t.Context(), "ACL", "SETUSER", "default", rule).Err())
	}
	undecodable := func(n int) {
		for range n {
			require.NoError(t, r.Client().RPush(t.Context(), list, "\xc1a new format").Err())
		}
	}
	acl("-hstrlen")
	gateway := r.Client().TxPipeline()
	for i := range 20 {
		gateway.RPush(t.Context(), list, analytics.AppendMsgpack(nil, numbered(i)))
	}
	for range 10 {
		gateway.RPush(t.Context(), list, "\xc1a new format")
	}
	_, err := gateway.Exec(t.Context())
	require.NoError(t, err)
	d := newDestination()
	rec := start(t, r.Addr(), d, big)
	eventually(t, "a status", func() bool { return d.count() == 20 && strings.Contains(rec.host.said(), "lacks a right") })
	undecodable(10)
	eventually(t, "another status", func() bool { return strings.Contains(rec.host.said(), "new format") })
	acl("+hstrlen")
	eventually(t, "what is in front of them", func() bool { return rec.sum(t, "tykredis_records_delivered") == 20 })
	assert.Empty(t, letters(t, r.Client(), list))
	pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 20, 21)
	eventually(t, "an empty Redis", func() bool { return d.count() == 21 && len(leftover(t, r.Client())) == 0 })
	assert.Len(t, letters(t, r.Client(), list), 20)
}

func TestWhatWaitsForADecodableEntryHoldsNoShutdown(t *testing.T) {
	r := newRedis(t)
	for range 100 {
		require.NoError(t, r.Client().RPush(t.Context(), list, "\xc1a new format").Err())
	}
	rec := start(t, r.Addr(), newDestination(), func(cfg *Config) { cfg.Lease, cfg.ShutdownTimeout = time.Hour, 30*time.Minute })
	eventually(t, "a status", func() bool { return strings.Contains(rec.host.said(), "new format") })
	ended := make(chan error)
	go func() { ended <- rec.Shutdown(context.Background()) }()
	select {
	case err := <-ended:
		require.NoError(t, err)
	case <-time.After(5 * time.Minute):
		require.Fail(t, "the receiver does not end")
	}
}

func TestTheStatusIsBadAsLongAsEntriesCannotBeRead(t *testing.T) {
	r := newRedis(t)
	acl := func(rule string) {
		require.NoError(t, r.Client().Do(t.Context(), "ACL", "SETUSER", "default", rule).Err())
	}
	d := newDestination()
	acl("-lrange")
	rec := start(t, r.Addr(), d, nil)
	pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 0, 20)
	eventually(t, "a status", func() bool { return rec.host.last() == componentstatus.StatusRecoverableError })
	rec.host.mu.Lock()
	said := len(rec.host.events)
	rec.host.mu.Unlock()
	time.Sleep(2 * time.Second)
	rec.host.mu.Lock()
	for _, event := range rec.host.events[said:] {
		assert.Equal(t, componentstatus.StatusRecoverableError, event.Status())
	}
	rec.host.mu.Unlock()
	acl("+lrange")
	eventually(t, "all records", func() bool { return d.count() == 20 })
	eventually(t, "a good status", func() bool { return rec.host.last() == componentstatus.StatusOK })
}

// A Redis that keeps no dead letters is asked again with the back-off, and not for longer
// than the receiver runs.
func TestDeadLettersThatCannotBeKeptWaitAndHoldNoShutdown(t *testing.T) {
	r := newRedis(t)
	acl := func(rule string) {
		require.NoError(t, r.Client().Do(t.Context(), "ACL", "SETUSER", "default", rule).Err())
	}
	acl("-hstrlen")
	pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 0, 50)
	require.NoError(t, r.Client().RPush(t.Context(), list, "\xc1no record").Err())
	d := newDestination()
	rec := start(t, r.Addr(), d, big)
	eventually(t, "a status", func() bool { return d.count() == 50 && strings.Contains(rec.host.said(), "lacks a right") })
	before := rec.sum(t, "tykredis_chunks_redelivered")
	time.Sleep(time.Second)
	assert.Less(t, rec.sum(t, "tykredis_chunks_redelivered")-before, int64(100), "attempts in a second")

	ended := make(chan error)
	go func() { ended <- rec.Shutdown(context.Background()) }()
	select {
	case err := <-ended:
		require.NoError(t, err)
	case <-time.After(5 * time.Minute):
		require.Fail(t, "the receiver does not end")
	}
	acl("+hstrlen")
	start(t, r.Addr(), d, big)
	eventually(t, "a dead letter", func() bool { return len(letters(t, r.Client(), list)) == 1 && len(leftover(t, r.Client())) == 0 })
	assert.Equal(t, 50, d.count())
}

// The trouble of a delivery ends with it, also when another worker has its segment.
func TestADeliveryEndsWhoseLeaseIsLost(t *testing.T) {
	r := newRedis(t)
	pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 0, 10)
	d := newDestination()
	d.answer = func(context.Context, []string, plog.Logs) error { return errors.New("database is down") }
	rec := start(t, r.Addr(), d, nil)
	eventually(t, "an attempt", func() bool { return rec.sum(t, "tykredis_chunks_redelivered") >= 1 })
	assert.Contains(t, rec.host.said(), "database is down")
	leases := fmt.Sprintf("otelcol-tyk:{%s}:leases", list)
	later := time.Now().Add(time.Hour).UnixMilli()
	for _, held := range r.Client().HKeys(t.Context(), leases).Val() {
		require.NoError(t, r.Client().HSet(t.Context(), leases, held, fmt.Sprintf("other %d", later)).Err())
	}
	eventually(t, "a good status", func() bool { return rec.host.last() == componentstatus.StatusOK })
}

// A delivery has its entries until it ends, whatever Redis loses meanwhile.
func TestADeliveryNeedsNothingOfItsSegmentAnyMore(t *testing.T) {
	r := newRedis(t)
	pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 0, 10)
	d := newDestination()
	var down atomic.Bool
	down.Store(true)
	d.answer = func(ctx context.Context, _ []string, _ plog.Logs) error {
		if down.Load() {
			r.Client().Del(ctx, r.Client().Keys(ctx, "*:seg:*").Val()...)
			return errors.New("database is down")
		}
		return nil
	}
	rec := start(t, r.Addr(), d, nil)
	eventually(t, "an attempt", func() bool { return rec.sum(t, "tykredis_chunks_redelivered") >= 1 })
	down.Store(false)
	eventually(t, "all records", func() bool { return d.count() == 10 })
}

func TestIgnoredFieldsAreLeftOutOfLogRecords(t *testing.T) {
	r := newRedis(t)
	next := new(consumertest.LogsSink)
	whole := *numbered(1)
	whole.UserAgent, whole.Tags, whole.RawRequest = "curl", []string{"a", "b"}, "R0VUIC8="
	whole.Geo = analytics.Geo{CountryISOCode: "NZ", CityNames: map[string]string{"en": "Auckland"}, TimeZone: "Pacific/Auckland", Latitude: -36.8}
	require.NoError(t, r.Client().RPush(t.Context(), list, analytics.AppendMsgpack(nil, &whole)).Err())
	require.NoError(t, r.Client().RPush(t.Context(), list+"_protobuf", analytics.AppendProtobuf(nil, &whole)).Err())
	start(t, r.Addr(), next, func(cfg *Config) {
		cfg.Requests.IgnoreFields = []string{"user_agent", "raw_request", "geo.city", "geo.location"}
	})
	eventually(t, "the records", func() bool { return next.LogRecordCount() == 2 })
	whole.UserAgent, whole.RawRequest = "", ""
	whole.Geo = analytics.Geo{CountryISOCode: "NZ"}
	for _, ld := range next.AllLogs() {
		eachRecord(ld, func(lr plog.LogRecord) {
			var got analytics.Record
			got.FromLog(lr)
			assert.Equal(t, whole, got)
		})
	}
}

// One cause shall not push its own dead letters out.
func TestADeliveryWaitsForRoomForItsDeadLetters(t *testing.T) {
	r := newRedis(t)
	pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 0, 20)
	p := &picky{take: naming, taken: map[int]int{}, isBad: func(key int) bool { return key%2 == 0 }}
	rec := start(t, r.Addr(), p, func(cfg *Config) {
		big(cfg)
		cfg.DeadLetters.MaxEntries = 4
	})
	eventually(t, "a status", func() bool { return strings.Contains(rec.host.said(), "tykctl dead") })
	eventually(t, "as many as may be kept", func() bool { return len(letters(t, r.Client(), list)) == 4 })
	assert.NotEmpty(t, leftover(t, r.Client()), "nothing is lost")
	assert.EqualValues(t, 0, rec.sum(t, "tykredis_dead_letters_dropped"))
}
