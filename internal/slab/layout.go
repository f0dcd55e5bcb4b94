package slab

import (
	"reflect"
	"unsafe"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

// pair is laid out as pdata's KeyValue, whose AnyValue is a struct of one interface.
type pair struct {
	value any
	key   string
	_     int32
}

// The headers of pdata's wrappers: what they stand for, and whether it is mutable.
type (
	valueHeader struct {
		value *any
		state unsafe.Pointer
	}
	mapHeader struct {
		pairs *[]pair
		state unsafe.Pointer
	}
	recordsHeader struct {
		records *[]unsafe.Pointer // to pdata's LogRecord
		state   unsafe.Pointer
	}
	// boxHeader is an interface: the type, and where the value lies.
	boxHeader struct{ typ, data unsafe.Pointer }
)

// listBox is what a value that is a slice points to: pdata's own struct of a pointer
// to the slice, and the slice.
type listBox struct {
	at     *[]any
	values []any
}

// Samples of what pdata makes, from which types and a mutable state are taken.
var (
	textSample   = pcommon.NewValueStr("")
	numberSample = pcommon.NewValueInt(0)
	doubleSample = pcommon.NewValueDouble(0)
	listSample   = pcommon.NewValueSlice()

	textType, numberType, doubleType, listType unsafe.Pointer

	mutable unsafe.Pointer

	// recordType is pdata's LogRecord, and recordsType a slice of them.
	recordType, recordsType reflect.Type
)

// learn takes types and state from the samples, which only a version that is known may be asked for.
func learn() {
	textType, listType = boxTypeOf(&textSample), boxTypeOf(&listSample)
	numberType, doubleType = boxTypeOf(&numberSample), boxTypeOf(&doubleSample)
	mutable = (*valueHeader)(unsafe.Pointer(&textSample)).state
	recordType = reflect.TypeFor[plog.LogRecordSlice]().Field(0).Type.Elem().Elem().Elem()
	recordsType = reflect.SliceOf(recordType)
}

func boxTypeOf(v *pcommon.Value) unsafe.Pointer {
	return (*boxHeader)(unsafe.Pointer((*valueHeader)(unsafe.Pointer(v)).value)).typ
}

// boxText makes the interface in which pdata keeps a string, a pointer to a struct
// of that string.
func boxText(text *string) any {
	header := boxHeader{typ: textType, data: unsafe.Pointer(text)}
	return *(*any)(unsafe.Pointer(&header))
}

// boxEight makes the interface in which pdata keeps a number of this type.
func boxEight(typ unsafe.Pointer, bits *uint64) any {
	header := boxHeader{typ: typ, data: unsafe.Pointer(bits)}
	return *(*any)(unsafe.Pointer(&header))
}

func boxList(list *listBox) any {
	header := boxHeader{typ: listType, data: unsafe.Pointer(list)}
	return *(*any)(unsafe.Pointer(&header))
}

// valueOf wraps a value that is mutable.
func valueOf(value *any) pcommon.Value {
	header := valueHeader{value: value, state: mutable}
	return *(*pcommon.Value)(unsafe.Pointer(&header))
}

func intoMap(m pcommon.Map, pairs []pair) {
	m.Clear() // panics where m is not mutable
	*(*mapHeader)(unsafe.Pointer(&m)).pairs = pairs
}

// intoRecords appends a log record that nothing else points to.
func intoRecords(list plog.LogRecordSlice, record unsafe.Pointer) {
	list.EnsureCapacity(0) // panics where list is not mutable
	records := (*recordsHeader)(unsafe.Pointer(&list)).records
	*records = append(*records, record)
}

// newRecords makes zero log records, which lie one behind the other.
func newRecords(n int) unsafe.Pointer {
	return reflect.MakeSlice(recordsType, n, n).UnsafePointer()
}
