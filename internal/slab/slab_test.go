package slab

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/featuregate"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
)

// With the version of pdata that go.mod names, the fast way must be the one taken.
func TestPdataIsKnown(t *testing.T) {
	require.Contains(t, tested, pdataVersion(), "try it with newest/, then see trust.go")
	require.True(t, behaves(), "pdata's setters have changed: see trust.go")
	require.True(t, trusted)
}

func strs(b *Builder, key string, values []string) {
	list := b.List(key, len(values))
	for _, value := range values {
		list.Str(value)
	}
}

// build puts something of each kind into a map, and a map into it.
func build(s *Slab, i int, m pcommon.Map) {
	b := s.Map(14)
	b.Str("text", fmt.Sprint("text ", i))
	b.Str("empty", "")
	b.Int("number", int64(i))
	strs(&b, "names", []string{fmt.Sprint("name ", i%3), "name"})
	b.Double("float", -float64(i)/3)
	strs(&b, "list", strings.Split(strings.Repeat("x ", i%5), " "))
	strs(&b, "nothing", nil)
	b.Empty("flag").SetBool(true)
	inner := s.Inner(1)
	inner.Str("a", "1")
	inner.Int("b", -1) // one more than there was room for
	inner.Into(b.Empty("map").SetEmptyMap())
	none := s.Inner(0)
	none.Into(b.Empty("no map").SetEmptyMap())
	for n := range i % 4 { // at times more than there is room for
		b.Int(fmt.Sprint("more ", n), int64(n))
	}
	b.Into(m)
}

// fill makes so many log records.
func fill(s *Slab, records int) plog.Logs {
	logs := plog.NewLogs()
	list := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	for i := range records {
		lr := s.Append(list)
		lr.SetTimestamp(pcommon.Timestamp(i)) //nolint:gosec // not negative
		lr.SetEventName("event")
		build(s, i, lr.Attributes())
	}
	return logs
}

func TestSlabMakesWhatPdataMakes(t *testing.T) {
	for _, records := range []int{1, 2, 100, 3000} {
		want, got := fill(nil, records), fill(New(records), records)
		runtime.GC() // finds pointers that are none
		assert.Equal(t, want, got)
		wire, err := plogotlp.NewExportRequestFromLogs(got).MarshalProto()
		require.NoError(t, err)
		plain, err := plogotlp.NewExportRequestFromLogs(want).MarshalProto()
		require.NoError(t, err)
		assert.Equal(t, plain, wire)
	}
}

// Whatever is done to attributes that lie in a slab stays with them.
func TestNeighboursStayAsTheyAre(t *testing.T) {
	logs := fill(New(100), 100)
	list := logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
	at := list.At(50).Attributes()
	at.PutStr("text", "changed")
	at.PutStr("new", "one more")
	at.PutInt("number", 7)
	for _, value := range at.All() {
		if value.Type() == pcommon.ValueTypeInt {
			value.SetInt(value.Int() + 1)
		}
	}
	names, _ := at.Get("names")
	names.Slice().At(0).SetStr("changed")
	name, _ := list.At(51).Attributes().Get("text")
	name.CopyTo(list.At(52).Attributes().PutEmpty("copy"))
	list.At(52).Attributes().Remove("copy")
	value, _ := at.Get("list")
	value.Slice().AppendEmpty().SetStr("one more")
	at.Remove("empty")
	inner, _ := at.Get("map")
	inner.Map().PutInt("more", 1)
	list.AppendEmpty().SetEventName("one that lies apart")
	list.RemoveIf(func(lr plog.LogRecord) bool { return lr.Timestamp() >= 98 })

	want := fill(nil, 100)
	require.Equal(t, 99, list.Len()) // with the one that lies apart, which has no time
	for i := range 98 {
		if i != 50 {
			require.Equal(t, want.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(i), list.At(i), i)
		}
	}
	value, _ = at.Get("text")
	assert.Equal(t, "changed", value.Str())
	value, _ = at.Get("new")
	assert.Equal(t, "one more", value.Str())
}

// pooling is the feature gate with which pdata uses again the content of values that were deleted.
const pooling = "pdata.useProtoPooling"

func TestNothingIsSharedWherePdataPools(t *testing.T) {
	require.NoError(t, featuregate.GlobalRegistry().Set(pooling, true))
	defer func() { require.NoError(t, featuregate.GlobalRegistry().Set(pooling, false)) }()

	logs := fill(New(100), 100)
	list := logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
	for i := range 50 { // what is deleted goes into the pools,
		list.At(i).Attributes().RemoveIf(func(string, pcommon.Value) bool { return true })
	}
	for range 2000 { // and comes out of them
		pcommon.NewValueStr("changed")
		pcommon.NewValueInt(-7)
	}
	want := fill(nil, 100)
	for i := 50; i < 100; i++ {
		require.Equal(t, want.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(i), list.At(i), i)
	}
}

func TestReadOnlyDataIsRefused(t *testing.T) {
	logs := fill(New(1), 1)
	logs.MarkReadOnly()
	b := New(1).Map(1)
	b.Str("key", "value")
	list := logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
	assert.Panics(t, func() { b.Into(list.At(0).Attributes()) })
	assert.Panics(t, func() { New(1).Append(list) })
	assert.Equal(t, 1, list.Len())
}

func BenchmarkMap(b *testing.B) {
	for name, slab := range map[string]func() *Slab{"slab": func() *Slab { return New(1000) }, "plain": func() *Slab { return nil }} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			s, maps := slab(), make([]pcommon.Map, 1000)
			for i := range maps {
				maps[i] = pcommon.NewMap()
			}
			i := 0
			for b.Loop() {
				if i++; i%1000 == 0 {
					s = slab()
				}
				m := s.Map(24)
				for range 16 {
					m.Str("http.request.method", "GET")
				}
				for range 8 {
					m.Int("http.response.status_code", 200)
				}
				m.Into(maps[i%1000])
			}
		})
	}
}
