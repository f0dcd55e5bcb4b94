package postgres

import (
	"encoding/binary"
	"encoding/json"
	"io"
	"math"
	"math/big"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/push"
	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
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

func TestNumbersAreTheShortestTexts(t *testing.T) {
	t.Parallel()
	for _, e := range []encoding{encodeNumeric, encodeFloat4, encodeFloat8} {
		for v, want := range map[float64]string{
			0: "0", math.Copysign(0, -1): "0", 1: "1", -33.8688: "-33.8688", 52.5244: "52.5244", 1e30: "1e+30", 0.1: "0.1",
			math.Inf(1): "NaN", math.Inf(-1): "NaN", math.NaN(): "NaN",
		} {
			assert.Equal(t, want, string(appendFloat(nil, e, v)))
		}
	}
	assert.Equal(t, "1e+300", string(appendFloat(nil, encodeNumeric, 1e300)))
	assert.Equal(t, "NaN", string(appendFloat(nil, encodeFloat4, 1e300)))
	assert.Equal(t, "0", string(appendFloat(nil, encodeFloat4, 1e-300)))
	for _, v := range []int64{math.MinInt64, math.MaxInt64, 0, -1} {
		b, err := appendInteger(nil, encodeNumeric, &layout.RequestColumns[4], v)
		require.NoError(t, err)
		assert.Equal(t, strconv.FormatInt(v, 10), string(b))
	}
	b, err := appendUnsigned(nil, encodeNumeric, &layout.RequestColumns[4], math.MaxUint64)
	require.NoError(t, err)
	assert.Equal(t, "18446744073709551615", string(b))
}

func TestNumbersBeyondTheirColumnAreErrors(t *testing.T) {
	t.Parallel()
	c := &layout.Column{Name: "c"}
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

func TestInstantsAreCutToMicroseconds(t *testing.T) {
	t.Parallel()
	var day layout.DayText
	for _, c := range []struct {
		at   time.Time
		want string
	}{
		{time.Date(2000, 1, 1, 0, 0, 0, 1999, time.UTC), "2000-01-01 00:00:00.000001+00"},
		{time.Date(1999, 12, 31, 23, 59, 59, 999_999_999, time.UTC), "1999-12-31 23:59:59.999999+00"},
		{time.Date(2026, 8, 20, 1, 30, 0, 0, time.FixedZone("", 7200)), "2026-08-19 23:30:00.000000+00"},
		{time.Time{}, "0001-01-01 00:00:00.000000+00"},
		{time.Date(0, 2, 29, 1, 2, 3, 0, time.UTC), "0001-02-29 01:02:03.000000+00 BC"},
		{time.Date(-43, 3, 15, 0, 0, 0, 0, time.UTC), "0044-03-15 00:00:00.000000+00 BC"},
		{time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC), "10000-01-01 00:00:00.000000+00"},
		{time.Unix(math.MinInt64/2, 0), "4714-11-24 00:00:00.000000+00 BC"},
		{time.Unix(math.MaxInt64/2, 0), "294276-12-31 23:59:59.999999+00"},
	} {
		assert.Equal(t, c.want, string(appendInstant(nil, &day, c.at)))
	}
	assert.Zero(t, timestamp(time.Date(2000, 1, 1, 0, 0, 0, 999, time.UTC)))
	assert.EqualValues(t, 1, timestamp(time.Date(2000, 1, 1, 0, 0, 0, 1999, time.UTC)))
	assert.EqualValues(t, -1, timestamp(time.Date(1999, 12, 31, 23, 59, 59, 999_999_999, time.UTC)))
}

func TestWhatEndsFieldsIsEscaped(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                      "",
		"plain":                 "plain",
		`\N`:                    `\\N`,
		"a\tb\nc\rd\\":          `a\tb\nc\rd\\`,
		"\x00\x01ä\xff\\.":      "\uFFFD\x01ä\uFFFD\\\\.",
		strings.Repeat("\\", 9): strings.Repeat("\\\\", 9),
	} {
		assert.Equal(t, "before\t"+want, string(appendField([]byte("before\t"), text)))
	}
}

// However the driver reads, it gets the same bytes.
func TestCopySourceIsTheSameInAnyPieces(t *testing.T) {
	t.Parallel()
	encodings := ownEncodings()
	records := sinktest.GoldenRecordsOf(t, "msgpack")
	read := func(wrap func(io.Reader) io.Reader) []byte {
		b := push.NewBatch(sinktest.Push("seg", 0, records...), requests...)
		defer b.Release()
		source := newCopySource(encodings, &b.Parts[0], b.Parts[0].Pending())
		content, err := io.ReadAll(wrap(source))
		require.NoError(t, err)
		source.stop()
		source.stop() // twice is harmless
		assert.EqualValues(t, len(records)-531, b.Parts[0].Count(push.StateNotTaken))
		return content
	}
	want := read(func(r io.Reader) io.Reader { return r })
	assert.Equal(t, want, read(iotest.OneByteReader))
	assert.Equal(t, want, read(iotest.HalfReader))
	assert.Equal(t, want, read(iotest.DataErrReader))
}

func TestCopySourceGivesNothingOnceStopped(t *testing.T) {
	t.Parallel()
	b := push.NewBatch(sinktest.Samples("seg", 0, 99), requests...)
	defer b.Release()
	source := newCopySource(ownEncodings(), &b.Parts[0], b.Parts[0].Pending())
	_, err := source.Read(make([]byte, 100))
	require.NoError(t, err)
	source.stop()
	_, err = source.Read(make([]byte, 100))
	require.ErrorIs(t, err, io.ErrClosedPipe)
}

// fieldsOf are the fields of a line, as the server reads it.
func fieldsOf(t *testing.T, line string) []string {
	require.True(t, strings.HasSuffix(line, "\n"))
	fields := []string{""}
	for i := 0; i < len(line)-1; i++ {
		c := line[i]
		switch c {
		case '\t':
			fields = append(fields, "")
			continue
		case '\n', '\r':
			t.Fatal("the line ends early")
		case '\\':
			i++
			require.Contains(t, `\tnr`, string(line[i])) // others mean something else
			c = map[byte]byte{'\\': '\\', 't': '\t', 'n': '\n', 'r': '\r'}[line[i]]
		}
		fields[len(fields)-1] += string([]byte{c})
	}
	return fields
}

func FuzzTheServerReadsTheRow(f *testing.F) {
	encodings := ownEncodings()
	for _, r := range sinktest.GoldenRecordsOf(f, "msgpack")[:20] {
		f.Add(r.Path, r.UserAgent, r.Geo.Latitude, r.ContentLength, r.TimeStamp.Unix())
	}
	f.Add("a\t\\", "\n\\N\r", 0.5, int64(-1), int64(0))
	f.Fuzz(func(t *testing.T, path, agent string, latitude float64, length, seconds int64) {
		r := analytics.Record{
			Path: path, UserAgent: agent, Tags: []string{agent, path}, ContentLength: length,
			Geo: analytics.Geo{Latitude: latitude, CityNames: map[string]string{path: agent}}, TimeStamp: time.Unix(seconds, 0),
		}
		b, err := appendRow([]byte("kept"), layout.RequestColumns, encodings, make([]layout.DayText, len(encodings)), &r)
		require.NoError(t, err)
		require.Equal(t, "kept", string(b[:4]))
		fields := fieldsOf(t, string(b[4:]))
		require.Len(t, fields, len(layout.RequestColumns))
		for i, c := range layout.RequestColumns {
			switch c.Class {
			case layout.ClassText:
				require.Equal(t, layout.CleanText(c.Text(&r)), fields[i])
			case layout.ClassJSON:
				require.Equal(t, string(c.JSON(nil, &r)), fields[i])
			case layout.ClassInteger:
				require.Equal(t, strconv.FormatInt(c.Integer(&r), 10), fields[i])
			}
		}
	})
}

func TestJSONBDoesNotHoldNUL(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`["a\u0000b"]`:     `["a\ufffdb"]`,
		`["a\\u0000b"]`:    `["a\\u0000b"]`,
		`["\\\u0000\"\n"]`: `["\\\ufffd\"\n"]`,
		`[]`:               `[]`,
	} {
		assert.Equal(t, want, withoutNUL(text))
		var list []string
		require.NoError(t, json.Unmarshal([]byte(want), &list))
	}
}

// A record whose bodies are most of its row is in memory once more while it is sent, not twice.
func TestABigRowIsHeldOnce(t *testing.T) {
	t.Parallel()
	record := sinktest.Sample(1)
	record.RawRequest, record.RawResponse = strings.Repeat("QUJD", 2<<20), strings.Repeat("REVG", 5<<17)
	batch := push.NewBatch(sinktest.Push("segment", 0, record), requests...)
	defer batch.Release()
	source := newCopySource(ownEncodings(), &batch.Parts[0], batch.Parts[0].Pending())
	defer source.stop()
	source.fill(1)
	row := len(source.unread)
	assert.Greater(t, row, 10<<20)
	assert.Less(t, cap(source.unread), row+row/8)
}
