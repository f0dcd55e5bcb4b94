package tyksqlexporter

import (
	"encoding/binary"
	"io"
	"math"
	"math/big"
	"strconv"
	"testing"
	"testing/iotest"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// readNumeric reads a binary numeric, with its length, by the driver's own reader.
func readNumeric(t interface{ Fatal(...any) }, b []byte) pgtype.Numeric {
	if int(binary.BigEndian.Uint32(b)) != len(b)-4 {
		t.Fatal("wrong length", b)
	}
	var n pgtype.Numeric
	if err := pgtype.NewMap().Scan(pgtype.NumericOID, pgtype.BinaryFormatCode, b[4:], &n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestNumericIsTheShortestDecimal(t *testing.T) {
	t.Parallel()
	check := func(t interface {
		Fatal(...any)
		Fatalf(string, ...any)
	}, v float64,
	) {
		b := appendNumeric(nil, v)
		n := readNumeric(t, b)
		got := new(big.Rat).SetInt(n.Int)
		scale := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(n.Exp, -n.Exp))), nil))
		if n.Exp >= 0 {
			got.Mul(got, scale)
		} else {
			got.Quo(got, scale)
		}
		want, ok := new(big.Rat).SetString(strconv.FormatFloat(v, 'f', -1, 64))
		if !ok || got.Cmp(want) != 0 {
			t.Fatalf("%v became %v", v, got)
		}
	}
	for _, v := range []float64{
		0, 1, -1, 10, 12345, 9999, 10000, 100000000, 0.1, 0.01, 0.001, 0.0001, 0.00001, 52.5244, -33.8688, 13.4105,
		1.5, 1e15, 1e16, 1e22, 1e300, 1e-300, math.MaxFloat64, math.SmallestNonzeroFloat64, 123456789.987654321, math.Pi,
	} {
		check(t, v)
	}
	rapid.Check(t, func(t *rapid.T) { check(t, rapid.Float64().Draw(t, "v")) })
}

func TestNumericOfWhatIsNoNumber(t *testing.T) {
	t.Parallel()
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		assert.True(t, readNumeric(t, appendFloat(nil, encodeNumeric, v)).NaN)
	}
}

func TestNumericOfIntegers(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.Int64().Draw(t, "v")
		b, err := appendInteger(nil, encodeNumeric, &columns[4], v)
		if err != nil {
			t.Fatal(err)
		}
		n := readNumeric(t, b)
		got := new(big.Int).Mul(n.Int, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n.Exp)), nil))
		if got.Cmp(big.NewInt(v)) != 0 {
			t.Fatalf("%d became %v", v, got)
		}
	})
	for _, v := range []int64{math.MinInt64, math.MaxInt64, 0} {
		b, err := appendInteger(nil, encodeNumeric, &columns[4], v)
		require.NoError(t, err)
		_ = readNumeric(t, b)
	}
}

func TestNumbersBeyondTheirColumnAreErrors(t *testing.T) {
	t.Parallel()
	c := &column{name: "c"}
	for _, v := range []int64{math.MaxInt16 + 1, math.MinInt16 - 1} {
		_, err := appendInteger(nil, encodeInt2, c, v)
		require.EqualError(t, err, `column "c": `+strconv.FormatInt(v, 10)+` does not fit smallint`)
		_, err = appendInteger(nil, encodeInt4, c, v)
		require.NoError(t, err)
	}
	for _, v := range []int64{math.MaxInt32 + 1, math.MinInt32 - 1} {
		_, err := appendInteger(nil, encodeInt4, c, v)
		require.EqualError(t, err, `column "c": `+strconv.FormatInt(v, 10)+` does not fit integer`)
	}
	for encoding, fits := range map[encoding]bool{encodeInt8: false, encodeInt4: false, encodeNumeric: true, encodeFloat8: true} {
		_, err := appendUnsigned(nil, encoding, c, math.MaxUint64)
		assert.Equal(t, fits, err == nil)
	}
}

func TestPostgresTimeIsCutToMicroseconds(t *testing.T) {
	t.Parallel()
	assert.Zero(t, postgresTime(time.Date(2000, 1, 1, 0, 0, 0, 999, time.UTC)))
	assert.EqualValues(t, 1, postgresTime(time.Date(2000, 1, 1, 0, 0, 0, 1999, time.UTC)))
	assert.EqualValues(t, -1, postgresTime(time.Date(1999, 12, 31, 23, 59, 59, 999_999_999, time.UTC)))
	assert.Equal(t, postgresTime(earliestPostgres), postgresTime(time.Unix(math.MinInt64/2, 0)))
	assert.Equal(t, postgresTime(latestPostgres), postgresTime(time.Unix(math.MaxInt64/2, 0)))
}

func TestSQLiteTimeIsWithinWhatSorts(t *testing.T) {
	t.Parallel()
	sqliteTime := func(at time.Time) string { return string(appendSQLiteTime(nil, &dayText{}, at)) }
	assert.Equal(t, "0001-01-01 00:00:00.000000+00:00", sqliteTime(time.Time{}))
	assert.Equal(t, "0000-01-01 00:00:00.000000+00:00", sqliteTime(time.Unix(math.MinInt64/2, 0)))
	assert.Equal(t, "9999-12-31 23:59:59.999999+00:00", sqliteTime(time.Unix(math.MaxInt64/2, 0)))
	assert.Equal(t, "2026-08-20 08:11:12.000001+00:00", sqliteTime(time.Date(2026, 8, 20, 10, 11, 12, 1999, time.FixedZone("", 7200))))
}

// However the driver reads, it gets the same bytes.
func TestCopySourceIsTheSameInAnyPieces(t *testing.T) {
	t.Parallel()
	encodings := newPostgresTable("public", shard{table: requests[0]}, false).encodings
	records := goldenRecords(t, "msgpack")
	read := func(wrap func(io.Reader) io.Reader) []byte {
		b := newBatch(logsOf("seg", 0, records...), requests...)
		defer b.release()
		source := newCopySource(encodings, &b.parts[0], b.parts[0].pending())
		content, err := io.ReadAll(wrap(source))
		require.NoError(t, err)
		assert.EqualValues(t, 531, source.stop())
		assert.EqualValues(t, 531, source.stop(), "stopping twice is harmless")
		assert.EqualValues(t, len(records)-531, b.parts[0].count(stateNotTaken))
		return content
	}
	want := read(func(r io.Reader) io.Reader { return r })
	assert.Equal(t, want, read(iotest.OneByteReader))
	assert.Equal(t, want, read(iotest.HalfReader))
	assert.Equal(t, want, read(iotest.DataErrReader))
}

func TestCopySourceGivesNothingOnceStopped(t *testing.T) {
	t.Parallel()
	b := newBatch(samples("seg", 0, 99), requests...)
	defer b.release()
	source := newCopySource(newPostgresTable("public", shard{table: requests[0]}, false).encodings, &b.parts[0], b.parts[0].pending())
	_, err := source.Read(make([]byte, 100))
	require.NoError(t, err)
	source.stop()
	_, err = source.Read(make([]byte, 100))
	require.ErrorIs(t, err, io.ErrClosedPipe)
}

func FuzzRowIsAsLongAsItSays(f *testing.F) {
	encodings := newPostgresTable("public", shard{table: requests[0]}, false).encodings
	for _, r := range goldenRecords(f, "msgpack")[:20] {
		f.Add(r.Path, r.UserAgent, r.Geo.Latitude, r.ContentLength, r.TimeStamp.Unix())
	}
	f.Fuzz(func(t *testing.T, path, agent string, latitude float64, length, seconds int64) {
		r := analytics.Record{
			Path: path, UserAgent: agent, Tags: []string{agent, path}, ContentLength: length,
			Geo: analytics.Geo{Latitude: latitude, CityNames: map[string]string{path: agent}}, TimeStamp: time.Unix(seconds, 0),
		}
		b, err := appendRow([]byte("kept"), columns, encodings, &r)
		require.NoError(t, err)
		require.Equal(t, "kept", string(b[:4]))
		b = b[4:]
		require.EqualValues(t, len(columns), binary.BigEndian.Uint16(b))
		b = b[2:]
		for range columns {
			n := binary.BigEndian.Uint32(b)
			require.LessOrEqual(t, int(n), len(b)-4)
			b = b[4+n:]
		}
		require.Empty(t, b)
	})
}
