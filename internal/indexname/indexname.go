// Package indexname tells which names OpenSearch and Elasticsearch take for an index.
package indexname

import (
	"errors"
	"fmt"
	"strings"
)

// Check refuses what servers refuse, with room for the date that may follow the name.
func Check(name string) error {
	const most = 255 - len("-2006.01.02")
	switch {
	case name == "":
		return errors.New("must not be empty")
	case strings.HasPrefix(name, "<"): // a name that the server makes of the date
		return nil
	case strings.ToLower(name) != name:
		return fmt.Errorf("%q has capital letters, which servers refuse: use %q", name, strings.ToLower(name))
	case strings.ContainsAny(name, "\\/*?\"<>| ,#:") || strings.ContainsAny(name[:1], "-_+") || len(name) > most:
		return fmt.Errorf("%q is no name that servers take: use at most %d letters, digits, -, _ and ., with a letter first", name, most)
	}
	return nil
}
