package settings

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/table"
)

// fromFile turns a value of the file into one of a kind. In a pump's meta, numbers with
// a fraction are cut to whole ones.
func fromFile(kind table.Kind, value any, meta bool) (any, bool) {
	switch kind {
	case table.Text:
		text, ok := value.(string)
		return text, ok
	case table.Bool:
		b, ok := value.(bool)
		return b, ok
	case table.Int:
		return wholeNumber(value, meta)
	case table.Float:
		number, ok := value.(json.Number)
		if !ok {
			return nil, false
		}
		f, err := number.Float64()
		return f, err == nil
	case table.List:
		return each[string](value, func(v any) (any, bool) { return fromFile(table.Text, v, meta) })
	case table.Ints:
		return each[int64](value, func(v any) (any, bool) { return wholeNumber(v, meta) })
	case table.Map:
		return textMap(value)
	case table.Objects:
		list, ok := value.([]any)
		return plain(list), ok
	case table.Pause:
		return pause(value)
	}
	o, ok := value.(*object)
	return o, ok
}

func wholeNumber(value any, cut bool) (any, bool) {
	number, ok := value.(json.Number)
	if !ok {
		return nil, false
	}
	if n, err := number.Int64(); err == nil {
		return n, true
	}
	f, err := number.Float64()
	if err != nil || !cut || math.Abs(f) >= 1<<63 {
		return nil, false
	}
	return int64(f), true
}

func each[T any](value any, one func(any) (any, bool)) (any, bool) {
	list, ok := value.([]any)
	if !ok {
		return nil, false
	}
	all := make([]T, 0, len(list))
	for _, v := range list {
		converted, ok := one(v)
		if !ok {
			return nil, false
		}
		element, ok := converted.(T)
		if !ok {
			return nil, false
		}
		all = append(all, element)
	}
	return all, true
}

func textMap(value any) (any, bool) {
	o, ok := value.(*object)
	if !ok {
		return nil, false
	}
	all := map[string]string{}
	for _, m := range o.members {
		text, ok := m.value.(string)
		if !ok {
			return nil, false
		}
		all[m.key] = text
	}
	return all, true
}

// longestPause is more than any timeout that is meant.
const longestPause = 1 << 31

// pause reads a number of seconds, or a text such as 1s or 1.5.
func pause(value any) (any, bool) {
	switch v := value.(type) {
	case json.Number:
		f, err := v.Float64()
		return time.Duration(math.Trunc(f)) * time.Second, err == nil && math.Abs(f) < longestPause
	case string:
		if d, err := time.ParseDuration(v); err == nil {
			return d, true
		}
		f, err := strconv.ParseFloat(v, 64)
		return time.Duration(f * float64(time.Second)), err == nil && math.Abs(f) < longestPause
	}
	return nil, false
}

// fromVariable turns a variable's text into a value of a kind. An error never shows the text.
func fromVariable(kind table.Kind, text string) (any, error) {
	switch kind {
	case table.Bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return nil, fmt.Errorf("is not a boolean: write true or false")
		}
		return b, nil
	case table.Int:
		n, err := strconv.ParseInt(text, 0, 64)
		if err != nil {
			return nil, fmt.Errorf("is not a whole number: write digits only")
		}
		return n, nil
	case table.Float:
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, fmt.Errorf("is not a number: write one such as 0.5")
		}
		return f, nil
	case table.List:
		if text == "" {
			return []string{}, nil
		}
		return strings.Split(text, ","), nil
	case table.Ints:
		return intList(text)
	case table.Map:
		return pairs(text)
	case table.Pause:
		d, ok := pause(text)
		if !ok {
			return nil, fmt.Errorf("is not a time: write seconds, or a text such as 1s")
		}
		return d, nil
	}
	return text, nil
}

func intList(text string) (any, error) {
	all := []int64{}
	if text == "" {
		return all, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		n, err := strconv.ParseInt(part, 0, 64)
		if err != nil {
			return nil, fmt.Errorf("is not a list of whole numbers: write them with commas and without blanks between")
		}
		all = append(all, n)
	}
	return all, nil
}

func pairs(text string) (any, error) {
	all := map[string]string{}
	if strings.TrimSpace(text) == "" {
		return all, nil
	}
	for pair := range strings.SplitSeq(text, ",") {
		parts := strings.Split(pair, ":")
		if len(parts) != 2 {
			return nil, fmt.Errorf("is not a map: write key:value,key:value with one colon each, or use the file")
		}
		all[parts[0]] = parts[1]
	}
	return all, nil
}
