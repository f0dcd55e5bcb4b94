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
	floatSample  = pcommon.NewValueDouble(0)
	listSample   = pcommon.NewValueSlice()

	layoutKnown = knowsLayout()

	textType, numberType, floatType, listType = knownTypeOf(&textSample), knownTypeOf(&numberSample),
		knownTypeOf(&floatSample), knownTypeOf(&listSample)

	mutable = func() unsafe.Pointer {
		if !layoutKnown {
			return nil
		}
		return (*valueHeader)(unsafe.Pointer(&textSample)).state
	}()

	// recordType is pdata's LogRecord, and recordsType a slice of them.
	recordType, recordsType = func() (record, records reflect.Type) {
		if !layoutKnown {
			return nil, nil
		}
		list, _ := wrapped(reflect.TypeFor[plog.LogRecordSlice]())
		return list.Elem().Elem(), reflect.SliceOf(list.Elem().Elem())
	}()
)

// knownTypeOf is nil where pdata's types are not known.
func knownTypeOf(v *pcommon.Value) unsafe.Pointer {
	if !layoutKnown {
		return nil
	}
	return boxTypeOf(v)
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

func boxNumber(number *int64) any {
	header := boxHeader{typ: numberType, data: unsafe.Pointer(number)}
	return *(*any)(unsafe.Pointer(&header))
}

// boxFloat takes where the bits of a float64 lie.
func boxFloat(bits *int64) any {
	header := boxHeader{typ: floatType, data: unsafe.Pointer(bits)}
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

// knowsLayout compares pdata's types with what this package takes them for, without
// touching their memory.
func knowsLayout() bool {
	value, ok := wrapped(reflect.TypeFor[pcommon.Value]())
	if !ok || !isAnyValue(value) {
		return false
	}
	pairs, ok := wrapped(reflect.TypeFor[pcommon.Map]())
	if !ok || pairs.Kind() != reflect.Slice || !isPair(pairs.Elem(), value) {
		return false
	}
	values, ok := wrapped(reflect.TypeFor[pcommon.Slice]())
	if !ok || values.Kind() != reflect.Slice || values.Elem() != value {
		return false
	}
	records, ok := wrapped(reflect.TypeFor[plog.LogRecordSlice]())
	if !ok || records.Kind() != reflect.Slice || records.Elem().Kind() != reflect.Pointer {
		return false
	}
	// Only now it is sure that a value's header may be read.
	return isBox(&textSample, reflect.TypeFor[string]()) && isBox(&numberSample, reflect.TypeFor[int64]()) &&
		isBox(&floatSample, reflect.TypeFor[float64]()) && isNest(&listSample, values)
}

// wrapped gives what a wrapper stands for.
func wrapped(wrapper reflect.Type) (reflect.Type, bool) {
	if wrapper.Kind() != reflect.Struct || wrapper.NumField() != 2 || wrapper.Size() != unsafe.Sizeof(valueHeader{}) ||
		wrapper.Field(0).Type.Kind() != reflect.Pointer || wrapper.Field(1).Type.Kind() != reflect.Pointer {
		return nil, false
	}
	return wrapper.Field(0).Type.Elem(), true
}

func isAnyValue(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t.NumField() == 1 && t.Field(0).Type == reflect.TypeFor[any]()
}

func isPair(t, value reflect.Type) bool {
	own := reflect.TypeFor[pair]()
	if t.Kind() != reflect.Struct || t.NumField() != own.NumField() || t.Size() != own.Size() {
		return false
	}
	for i, want := range []reflect.Type{value, reflect.TypeFor[string](), reflect.TypeFor[int32]()} {
		if t.Field(i).Type != want || t.Field(i).Offset != own.Field(i).Offset {
			return false
		}
	}
	return t.Field(1).Name == "Key"
}

// isBox tells whether a value holds a pointer to a struct of nothing but the content.
func isBox(v *pcommon.Value, content reflect.Type) bool {
	is, ok := boxed(reflect.TypeOf(*(*valueHeader)(unsafe.Pointer(v)).value))
	return ok && is == content
}

// isNest tells whether a value holds a pointer to a struct of nothing but a pointer to a
// struct of nothing but the content.
func isNest(v *pcommon.Value, content reflect.Type) bool {
	outer, ok := boxed(reflect.TypeOf(*(*valueHeader)(unsafe.Pointer(v)).value))
	if !ok {
		return false
	}
	is, ok := boxed(outer)
	return ok && is == content
}

// boxed gives the only field of a struct that is pointed to.
func boxed(pointer reflect.Type) (reflect.Type, bool) {
	if pointer == nil || pointer.Kind() != reflect.Pointer || pointer.Elem().Kind() != reflect.Struct || pointer.Elem().NumField() != 1 {
		return nil, false
	}
	return pointer.Elem().Field(0).Type, true
}
