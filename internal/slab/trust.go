package slab

import (
	"reflect"
	"runtime"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

// tested are the versions of pdata that the tests here and in newest ran with.
var tested = []string{"v1.58.0", "v1.71.0"}

// trusted tells whether slabs are made at all: of a version that nobody has tried, or one that
// behaves in another way, pdata's own setters make everything.
var trusted = slices.Contains(tested, pdataVersion()) && behaves()

// pdataVersion is the version of pdata in the program, as the path of its source tells, since
// a test has no other record of it; empty where the source is vendored or replaced.
func pdataVersion() string {
	at := reflect.ValueOf(pcommon.NewValueStr).Pointer()
	file, _ := runtime.FuncForPC(at).FileLine(at)
	_, version, _ := strings.Cut(file, "go.opentelemetry.io/collector/pdata@")
	version, _, _ = strings.Cut(version, "/")
	return version
}

// behaves makes a few log records and changes one of them in every way that processors do:
// it must read as it was built, change as it is told, and leave its neighbours alone.
func behaves() (ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	learn()
	const records, changed = 3, 1
	slab, plain := &Slab{left: records}, plog.NewLogRecordSlice()
	list := plog.NewLogRecordSlice()
	var none *Slab
	for range records {
		sample(slab, slab.Append(list))
		sample(none, none.Append(plain))
	}
	for _, all := range []plog.LogRecordSlice{list, plain} {
		for range 2 { // the second finds what the first has set
			change(all.At(changed).Attributes())
		}
	}
	for i := range records {
		if !list.At(i).Attributes().Equal(plain.At(i).Attributes()) || list.At(i).EventName() != plain.At(i).EventName() {
			return false
		}
	}
	return list.Len() == records && list.At(0).Attributes().Len() == list.At(records-1).Attributes().Len()
}

// sample builds an attribute of each kind.
func sample(s *Slab, lr plog.LogRecord) {
	const most = 6
	lr.SetEventName("event")
	b := s.Map(most)
	b.Str("text", "some")
	b.Int("number", 200)
	b.Double("float", 1.5)
	list := b.List("list", 1)
	list.Str("a")
	list.Str("b") // one more than there is room for
	inner := s.Inner(1)
	inner.Str("inner", "text")
	inner.Into(b.Empty("map").SetEmptyMap())
	b.Str("other", "")
	b.Into(lr.Attributes())
}

// change sets, converts, removes and adds.
func change(attrs pcommon.Map) {
	attrs.PutStr("text", "changed")
	attrs.PutStr("new", "one more")
	if number, ok := attrs.Get("number"); ok {
		number.SetInt(number.Int() + 1)
		number.CopyTo(attrs.PutEmpty("copy"))
		number.SetStr("201")
		number.SetInt(0)
	}
	if list, ok := attrs.Get("list"); ok {
		list.Slice().At(0).SetStr("changed")
		list.Slice().AppendEmpty().SetInt(1)
	}
	if inner, ok := attrs.Get("map"); ok {
		inner.Map().PutStr("inner", "changed")
	}
	attrs.PutDouble("float", 2)
	attrs.Remove("other")
}
