package tykmongoexporter

import (
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

func testForeignRecords(t *testing.T, server *peers.Mongo) {
	d := freshTarget(t, server)
	logs := samples("seg", 0, 4)
	records := logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
	records.At(1).SetEventName(analytics.EventUptime)
	records.At(3).SetEventName("")
	e := d.start(t)
	err := e.ConsumeLogs(t.Context(), logs)
	require.ErrorContains(t, err, "uptime checks arrive, but collections::uptime::enabled is false")
	assert.False(t, consumererror.IsPermanent(err), "they wait")
	assert.Equal(t, 3, d.count(t, "tyk_analytics"), "requests do not")
	records.RemoveIf(func(r plog.LogRecord) bool { return r.EventName() == analytics.EventUptime })
	for range 2 {
		assert.Equal(t, map[int64]string{
			3: `foreign: not an analytics record: its event name is "", want "tyk.request"`,
		}, refusedOf(t, e.ConsumeLogs(t.Context(), logs)))
	}
	assert.Equal(t, []string{"/items/0", "/items/2", "/items/4"}, d.texts(t, "tyk_analytics", "path"))
}

// The server says only that there is an equal key; looking tells of which index.
func testUniqueIndexOfTheOperators(t *testing.T, server *peers.Mongo) {
	d := freshTarget(t, server)
	e := d.start(t)
	require.NoError(t, e.ConsumeLogs(t.Context(), samples("other", 7, 7)))
	_, err := d.db.Collection("tyk_analytics").Indexes().CreateOne(t.Context(), mongo.IndexModel{
		Keys: bson.D{{Key: "path", Value: 1}}, Options: options.Index().SetUnique(true),
	})
	require.NoError(t, err)
	for range 2 {
		reasons := refusedOf(t, e.ConsumeLogs(t.Context(), samples("seg", 0, 9)))
		assert.Equal(t, map[int64]string{7: "constraint: a unique index of tyk_analytics has an equal key"}, reasons)
		d.assertPaths(t, 0, 9)
	}
}

// FerretDB does not take field names that begin with a dollar sign.
func testDocumentsThatAreNotTaken(t *testing.T, server *peers.Mongo) {
	d := withAll(freshTarget(t, server))
	records := make([]analytics.Record, 100)
	for i := range records {
		records[i] = sinktest.Sample(i)
	}
	for _, i := range []int{0, 50, 99} {
		records[i].Geo.CityNames = map[string]string{"$en": "x"}
	}
	reasons := refusedOf(t, d.start(t).ConsumeLogs(t.Context(), sinktest.Push("seg", 0, records...)))
	assert.Len(t, reasons, 3)
	for _, i := range []int64{0, 50, 99} {
		assert.Equal(t, 2, strings.Count(reasons[i], "other: "), "%s: of both collections", reasons[i])
	}
	assert.Equal(t, 97, d.count(t, "tyk_analytics"))
	assert.Equal(t, 97, d.count(t, "z_tyk_analyticz_acme"))
}

func testTooLarge(t *testing.T, server *peers.Mongo) {
	d := freshTarget(t, server)
	records := []analytics.Record{sinktest.Sample(0), sinktest.Sample(1), sinktest.Sample(2), sinktest.Sample(3)}
	records[1].UserAgent = strings.Repeat("x", maxBSONBytes)
	records[2].RawRequest = strings.Repeat("x", maxBSONBytes)
	reasons := refusedOf(t, d.start(t).ConsumeLogs(t.Context(), sinktest.Push("seg", 0, records...)))
	assert.Len(t, reasons, 1)
	assert.Regexp(t, `^too_large: a document of \d+ bytes; at most 16777216 are taken$`, reasons[1])
	assert.Equal(t, []string{"/items/0", "/items/2", "/items/3"}, d.texts(t, "tyk_analytics", "path"))
}

func testNumbersAndTimesBeyond(t *testing.T, server *peers.Mongo) {
	d := freshTarget(t, server)
	records := []analytics.Record{sinktest.Sample(0), sinktest.Sample(1), sinktest.Sample(2), sinktest.Sample(3)}
	records[1].Geo.CityGeoNameID = math.MaxUint64
	records[2].ExpireAt = time.Date(400_000, 1, 1, 0, 0, 0, 0, time.UTC)
	records[2].Day, records[2].ResponseCode = math.MaxInt32+1, math.MinInt64
	records[3].TimeStamp = time.Time{}
	reasons := refusedOf(t, d.start(t).ConsumeLogs(t.Context(), sinktest.Push("seg", 0, records...)))
	assert.Equal(t, map[int64]string{1: "range: geo.city.geonameid: 18446744073709551615: number is out of range"}, reasons)
	assert.Equal(t, 3, d.count(t, "tyk_analytics"))
	for _, document := range d.documents(t, "tyk_analytics") {
		switch document.Lookup("path").StringValue() {
		case "/items/2":
			assert.EqualValues(t, math.MaxInt32+1, document.Lookup("day").Int64())
			assert.EqualValues(t, math.MinInt64, document.Lookup("responsecode").Int64())
		case "/items/3":
			assert.EqualValues(t, -62135596800000, document.Lookup("timestamp").DateTime())
		}
	}
}

func testCleaning(t *testing.T, server *peers.Mongo) {
	d := freshTarget(t, server)
	dirty := sinktest.Sample(1)
	dirty.Path = "/nul\x00and\x00nul"
	dirty.RawPath = "/bad\xff\xfeutf8"
	dirty.Tags = []string{"nul\x00", "bad\xff", ""}
	dirty.Geo.CityNames = map[string]string{"k\x00": "v\xff"}
	require.NoError(t, d.start(t).ConsumeLogs(t.Context(), sinktest.Push("seg", 0, sinktest.Sample(0), dirty)))
	document := d.documents(t, "tyk_analytics")[1]
	assert.Equal(t, "/nul\x00and\x00nul", document.Lookup("path").StringValue(), "NUL is text to BSON")
	assert.Equal(t, "/bad\uFFFDutf8", document.Lookup("rawpath").StringValue())
	assert.Equal(t, "v\uFFFD", document.Lookup("geo", "city", "names", "k\uFFFD").StringValue())
}

func testOrganisationsWithOddNames(t *testing.T, server *peers.Mongo) {
	d := withAll(freshTarget(t, server))
	records := []analytics.Record{sinktest.Sample(0), sinktest.Sample(1), sinktest.Sample(2), sinktest.Sample(3), sinktest.Sample(4)}
	records[0].OrgID = "with space and ünïcode"
	records[1].OrgID = "with$dollar"
	records[2].OrgID = strings.Repeat("x", 300)
	records[3].OrgID = ""
	reasons := refusedOf(t, d.start(t).ConsumeLogs(t.Context(), sinktest.Push("seg", 0, records...)))
	assert.Len(t, reasons, 2)
	assert.Equal(t, `name: the organisation's id "with$dollar" cannot be in the name of a collection`, reasons[1])
	assert.Contains(t, reasons[2], "name: ")
	d.assertPaths(t, 0, 4)
	assert.Equal(t, 1, d.count(t, organisationPrefix+"with space and ünïcode"))
	assert.Equal(t, 1, d.count(t, organisationPrefix+"acme"))
}

func TestAnswersOfOtherDatabases(t *testing.T) {
	t.Parallel()
	server := peers.StartMongo(t)
	key := func(name string) bson.E {
		return bson.E{Key: "keyPattern", Value: bson.D{{Key: name, Value: int32(1)}}}
	}
	for name, c := range map[string]struct {
		answer  bson.D
		refused map[int64]string
		retried string
	}{
		"MongoDB: stored before": {answer: faulty(2, fault(1, 11000, "E11000 dup key", key("_id")))},
		"MongoDB: another index": {
			answer:  faulty(2, fault(1, 11000, "E11000 dup key", key("path"))),
			refused: map[int64]string{1: "constraint: E11000 dup key"},
		},
		"DocumentDB: stored before": {
			answer: faulty(2, fault(1, 11000, "E11000 duplicate key error collection: tyk.tyk_analytics index: _id_ dup key")),
		},
		"an old MongoDB: stored before": {
			answer: faulty(2, fault(1, 11000, "E11000 duplicate key error collection: tyk.tyk_analytics index: tyk.tyk_analytics.$_id_ dup key")),
		},
		"DocumentDB: another index": {
			answer:  faulty(2, fault(1, 11000, "E11000 duplicate key error collection: tyk.tyk_analytics index: path_1 dup key")),
			refused: map[int64]string{1: "constraint: E11000 duplicate key error collection: tyk.tyk_analytics index: path_1 dup key"},
		},
		"validation": {
			answer:  faulty(2, fault(2, 121, "Document failed validation")),
			refused: map[int64]string{2: "constraint: Document failed validation"},
		},
		"Cosmos DB asks for patience":        {answer: faulty(2, fault(0, 16500, "Request rate is large. RetryAfterMs=7, more")), retried: "Throttle (7ms)"},
		"Cosmos DB asks for much patience":   {answer: failed(16500, "TooManyRequests", "RetryAfterMs=999999999"), retried: "Throttle (1m0s)"},
		"Cosmos DB does not say how long":    {answer: failed(16500, "TooManyRequests", "Request rate is large"), retried: "Request rate is large"},
		"a former primary":                   {answer: failed(10107, "NotWritablePrimary", "not primary"), retried: "not primary"},
		"no rights":                          {answer: failed(13, "Unauthorized", "not authorized on tyk"), retried: "not authorized on tyk"},
		"something unknown":                  {answer: failed(424242, "Whatever", "whatever"), retried: "whatever"},
		"something unknown about a document": {answer: faulty(2, fault(0, 424242, "whatever")), retried: "whatever"},
		"a write concern that is not known":  {answer: failed(2, "BadValue", "cannot use 'w' > 1"), retried: "cannot use 'w' > 1"},
		"an option that is not known":        {answer: failed(9, "FailedToParse", "unknown option"), retried: "unknown option"},
		"an option of another type":          {answer: failed(14, "TypeMismatch", "'j' is the wrong type"), retried: "'j' is the wrong type"},
		"what is in a document": {
			answer:  faulty(1, fault(0, 2, "bad value"), fault(2, 14, "type mismatch")),
			refused: map[int64]string{0: "other: bad value", 2: "other: type mismatch"},
		},
		"a rule that no document meets": {
			answer: faulty(0, fault(0, 121, "failed validation"), fault(1, 121, "failed validation"), fault(2, 121, "failed validation")), retried: "failed validation",
		},
		"not replicated": {
			answer: bson.D{{Key: "n", Value: int32(3)}, {Key: "ok", Value: 1.0}, {Key: "writeConcernError", Value: bson.D{
				{Key: "code", Value: int32(64)}, {Key: "codeName", Value: "WriteConcernFailed"}, {Key: "errmsg", Value: "waiting for replication timed out"},
			}}}, retried: "waiting for replication timed out",
		},
		"a document that there is not": {answer: faulty(2, fault(3, 121, "x")), retried: "speaks of document 3 of 3"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, l := startLink(t, server)
			e := d.start(t)
			l.on(once("insert", verdict{answer: c.answer}))
			err := e.ConsumeLogs(t.Context(), samples("seg", 0, 2))
			switch {
			case c.retried != "":
				require.ErrorContains(t, err, c.retried)
				assert.False(t, consumererror.IsPermanent(err))
				require.NoError(t, e.ConsumeLogs(t.Context(), samples("seg", 0, 2)))
				d.assertPaths(t, 0, 2)
			case c.refused != nil:
				assert.Equal(t, c.refused, refusedOf(t, err))
			default:
				require.NoError(t, err)
			}
		})
	}
}

// Some databases refuse a whole command for one of its documents. What they say of it
// need not be known.
func TestDocumentAmongManyIsFoundWithoutAHint(t *testing.T) {
	t.Parallel()
	server := peers.StartMongo(t)
	for want, answer := range map[string]bson.D{
		"other: (InvalidBSON) there is something wrong somewhere":      failed(22, "InvalidBSON", "there is something wrong somewhere"),
		"other: (BadRequest) Request size is too large":                failed(16, "BadRequest", "Request size is too large"),
		"too_large: (BSONObjectTooLarge) something is too large":       failed(10334, "BSONObjectTooLarge", "something is too large"),
		"name: (InvalidNamespace) there is a document that is unnamed": failed(73, "InvalidNamespace", "there is a document that is unnamed"),
	} {
		d, l := startLink(t, server)
		d.config.Collections.Organisations.Enabled = true
		e := d.start(t)
		logs, unnamed := samples("seg", 0, 199), strings.HasPrefix(want, "name")
		records := logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
		if unnamed {
			records.At(133).Attributes().PutStr(analytics.AttrOrgID, "odd")
		}
		require.NoError(t, e.ConsumeLogs(t.Context(), samples("more", 1000, 1000)))
		l.on(func(command bson.Raw) *verdict {
			collection, is := command.Lookup("insert").StringValueOK()
			if !is || !strings.Contains(string(command), "/items/133\x00") || unnamed && collection != "z_tyk_analyticz_odd" {
				return nil
			}
			return &verdict{answer: answer}
		})
		err := e.ConsumeLogs(t.Context(), logs)
		for range sink.EqualFailures {
			if consumererror.IsPermanent(err) {
				break
			}
			require.Error(t, err)
			err = e.ConsumeLogs(t.Context(), logs)
		}
		reasons := refusedOf(t, err)
		require.Len(t, reasons, 1)
		assert.Contains(t, reasons[133], want)
		assert.Equal(t, 200, d.count(t, "z_tyk_analyticz_acme"), want)
	}
}

// A document that fails alone among others that are taken is refused once it failed
// often enough, whatever the code.
func TestDocumentThatFailsAmongOthersIsRefusedByEvidence(t *testing.T) {
	t.Parallel()
	server := peers.StartMongo(t)
	for code, refused := range map[int32]bool{424242: true, 16500: false} {
		d, l := startLink(t, server)
		e := d.start(t)
		l.on(func(command bson.Raw) *verdict {
			if !named(command, "insert") {
				return nil
			}
			return &verdict{answer: faulty(9, fault(3, code, "whatever"))}
		})
		for attempt := range sink.EqualFailures - 1 {
			err := e.ConsumeLogs(t.Context(), samples("seg", 0, 9))
			require.ErrorContains(t, err, "whatever", attempt)
			assert.False(t, consumererror.IsPermanent(err))
		}
		err := e.ConsumeLogs(t.Context(), samples("seg", 0, 9))
		if !refused {
			assert.False(t, consumererror.IsPermanent(err), "throttling is no evidence")
			continue
		}
		assert.Equal(t, map[int64]string{3: "other: whatever"}, refusedOf(t, err))
	}
}

// Where nothing is taken, nothing is refused, however often that is.
func TestNothingIsRefusedWhereNothingIsTaken(t *testing.T) {
	t.Parallel()
	d, l := startLink(t, peers.StartMongo(t))
	host := newStatusHost()
	e := d.startWith(t, nopSettings(), host)
	l.on(func(command bson.Raw) *verdict {
		if !named(command, "insert") {
			return nil
		}
		return &verdict{answer: failed(424242, "Whatever", "the disk sulks")}
	})
	for range 3 * sink.EqualFailures {
		err := e.ConsumeLogs(t.Context(), samples("seg", 0, 99))
		require.ErrorContains(t, err, "the disk sulks")
		assert.False(t, consumererror.IsPermanent(err))
	}
	assert.Equal(t, componentstatus.StatusRecoverableError, host.statuses()[len(host.statuses())-1])
	l.on(nil)
	require.NoError(t, e.ConsumeLogs(t.Context(), samples("seg", 0, 99)))
	d.assertPaths(t, 0, 99)
}

// The collection of an organisation "aggregate_acme" would be that of the rollups of
// the organisation "acme".
func testRequestsNeverMeetRollups(t *testing.T, server *peers.Mongo) {
	d := freshTarget(t, server)
	d.config.Collections.Organisations.Enabled = true
	records := []analytics.Record{sinktest.Sample(0), sinktest.Sample(1)}
	records[1].OrgID = "aggregate_acme"
	reasons := refusedOf(t, d.start(t).ConsumeLogs(t.Context(), sinktest.Push("seg", 0, records...)))
	assert.Equal(t, map[int64]string{1: `name: the collection z_tyk_analyticz_aggregate_acme of the organisation "aggregate_acme" would be that of the rollups of the organisation "acme": ` +
		`give one of them another id, or set collections::organisations::enabled to false`}, reasons)
	d.assertPaths(t, 0, 1)
	assert.Equal(t, 0, d.count(t, "z_tyk_analyticz_aggregate_acme"))
}

// asMongos makes the server a router to the driver, which tells it then by what it
// would like to have a query answered.
func asMongos(command bson.Raw) *verdict {
	if !named(command, "hello") && !named(command, "isMaster") && !named(command, "ismaster") {
		return nil
	}
	return &verdict{answer: bson.D{
		{Key: "isWritablePrimary", Value: true},
		{Key: "ismaster", Value: true},
		{Key: "msg", Value: "isdbgrid"},
		{Key: "maxBsonObjectSize", Value: int32(maxBSONBytes)},
		{Key: "maxMessageSizeBytes", Value: int32(48_000_000)},
		{Key: "maxWriteBatchSize", Value: int32(maxDocuments)},
		{Key: "minWireVersion", Value: int32(0)},
		{Key: "maxWireVersion", Value: int32(21)},
		{Key: "ok", Value: 1.0},
	}}
}

// A secondary may lack what the insert met: a document that is stored would be refused.
func TestEqualKeysAreLookedForWhereTheyWereMet(t *testing.T) {
	t.Parallel()
	d, l := startLink(t, peers.StartMongo(t))
	d.config.URI += "&readPreference=secondary&readConcernLevel=majority"
	queries := map[string]bson.Raw{}
	l.on(func(command bson.Raw) *verdict {
		if named(command, "find") {
			queries["find"] = slices.Clone(command)
		}
		return asMongos(command)
	})
	_, err := d.db.Collection("tyk_analytics").Indexes().CreateOne(t.Context(), mongo.IndexModel{
		Keys: bson.D{{Key: "path", Value: 1}}, Options: options.Index().SetUnique(true),
	})
	require.NoError(t, err)
	e := d.start(t)
	for range 2 {
		require.NoError(t, e.ConsumeLogs(t.Context(), samples("seg", 0, 9)))
	}
	l.on(nil)
	d.assertPaths(t, 0, 9)
	require.NotEmpty(t, queries)
	_, err = queries["find"].LookupErr("$readPreference")
	require.ErrorIs(t, err, bsoncore.ErrElementNotFound, "that is the primary: %s", queries["find"])
	assert.Equal(t, "local", queries["find"].Lookup("readConcern", "level").StringValue())
}

// Documents of the largest command are bounded with what an array adds to each.
func TestCommandsStayBelowWhatServersTake(t *testing.T) {
	t.Parallel()
	config := createDefaultConfig().(*Config)
	config.MaxInsertBatchSizeBytes = maxBSONBytes
	s := newStore(config, nil, nil, nil)
	for _, size := range []int{160, 5000, maxBSONBytes/2 - 3, maxBSONBytes} {
		one := bson.Raw(binary.LittleEndian.AppendUint32(nil, uint32(size)))
		b := &batch{memory: append(one, make([]byte, size-len(one))...)}
		var list []int32
		for i := range int32(min(4*maxBSONBytes/size, maxDocuments+1)) {
			b.documents = append(b.documents, document{to: size})
			list = append(list, i)
		}
		n := 0
		for _, piece := range s.pieces(b, list) {
			n += len(piece)
			const beside = 16<<10 - 2000 // which a command may be longer than a document, but for what the driver adds
			assert.LessOrEqual(t, len(appendInsert(nil, strings.Repeat("x", maxNameBytes), nil, b, piece)), maxBSONBytes+beside)
		}
		assert.Equal(t, len(list), n)
	}
}

func TestOneCollectionThatFailsDoesNotHoldUpTheOthers(t *testing.T) {
	t.Parallel()
	d, l := startLink(t, peers.StartMongo(t))
	d.config.Collections.Organisations.Enabled = true
	e := d.start(t)
	l.on(func(command bson.Raw) *verdict {
		if name, ok := command.Lookup("insert").StringValueOK(); !ok || name != organisationPrefix+"acme" {
			return nil
		}
		return &verdict{answer: failed(14031, "OutOfDiskSpace", "disk is full")}
	})
	records := []analytics.Record{sinktest.Sample(0), sinktest.Sample(1), sinktest.Sample(2)}
	records[2].OrgID = "other"
	err := e.ConsumeLogs(t.Context(), sinktest.Push("seg", 0, records...))
	require.ErrorContains(t, err, "z_tyk_analyticz_acme: (OutOfDiskSpace) disk is full")
	assert.False(t, consumererror.IsPermanent(err))
	assert.Equal(t, 3, d.count(t, "tyk_analytics"))
	assert.Equal(t, 1, d.count(t, organisationPrefix+"other"))
	l.on(nil)
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Push("seg", 0, records...)))
	assert.Equal(t, 3, d.count(t, "tyk_analytics"))
	assert.Equal(t, 2, d.count(t, organisationPrefix+"acme"))
}
