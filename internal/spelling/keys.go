package spelling

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// invalid is how the collector names the keys that settings do not have.
var invalid = regexp.MustCompile(`has invalid keys: ([^\n]+)`)

// Keys adds to an error about keys that settings do not have which of theirs are meant.
func Keys(err error, settings any) error {
	if err == nil {
		return nil
	}
	known := keys(reflect.TypeOf(settings), map[reflect.Type]bool{})
	var meant []string
	for _, list := range invalid.FindAllStringSubmatch(err.Error(), -1) {
		for key := range strings.SplitSeq(list[1], ", ") {
			if nearest := Nearest(key, known); nearest != "" && nearest != key {
				meant = append(meant, nearest+" for "+key)
			}
		}
	}
	if len(meant) == 0 {
		return err
	}
	return fmt.Errorf("%w (did you mean %s?)", err, strings.Join(meant, ", "))
}

// keys are those of a type of settings and of all below it.
func keys(of reflect.Type, seen map[reflect.Type]bool) []string {
	if seen[of] {
		return nil
	}
	seen[of] = true
	switch of.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		return keys(of.Elem(), seen)
	case reflect.Struct:
	default:
		return nil
	}
	var all []string
	for i := range of.NumField() {
		field := of.Field(i)
		if key, _, _ := strings.Cut(field.Tag.Get("mapstructure"), ","); key != "" && key != "-" {
			all = append(all, key)
		}
		all = append(all, keys(field.Type, seen)...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
