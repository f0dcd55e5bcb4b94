package main

import (
	"fmt"
	"os"
	"strings"
)

// tune fills in how the collector's garbage collector is set, as make run sets it.
func (o *options) tune() error {
	for name, value := range map[string]*string{"GOMEMLIMIT": &o.memLimit, "GOGC": &o.gogc} {
		if *value == "" {
			*value = os.Getenv(name)
		}
		if *value != "" {
			continue
		}
		makefile, err := os.ReadFile("Makefile")
		if err != nil {
			return fmt.Errorf("look for %s: run in the repository's root, or choose it: %w", name, err)
		}
		if *value = makeVariable(string(makefile), name); *value == "" {
			return fmt.Errorf("look for %s: the Makefile does not set it", name)
		}
	}
	return nil
}

// makeVariable is the value that a Makefile gives a variable by default.
func makeVariable(makefile, name string) string {
	for line := range strings.Lines(makefile) {
		if value, ok := strings.CutPrefix(line, name+" ?= "); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
