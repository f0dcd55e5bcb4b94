package tyklintconverter

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/confmap"
	"go.uber.org/zap"

	"github.com/otelcol-tyk/otelcol-tyk/internal/spelling"
)

// section is the part of the configuration that speaks to this converter, and to no component.
const section = "x_otelcol_tyk"

// NewFactory makes the converter.
func NewFactory() confmap.ConverterFactory {
	return confmap.NewConverterFactory(func(set confmap.ConverterSettings) confmap.Converter {
		c := converter{logger: set.Logger}
		if c.logger == nil {
			c.logger = zap.NewNop()
		}
		// The collector never shows the log of its command validate.
		if slices.Contains(os.Args[1:], "validate") {
			c.beside = os.Stderr
		}
		return c
	})
}

type converter struct {
	logger *zap.Logger
	beside io.Writer // where warnings are written, too; nil for nowhere
}

// Convert refuses a configuration that loses records, with all reasons at once. It changes nothing
// but that it takes its own section out.
func (c converter) Convert(_ context.Context, conf *confmap.Conf) error {
	allowed, err := allowedRules(conf)
	if err != nil {
		return err
	}
	conf.Delete(section)
	var refusals []error
	read := newConfiguration(conf)
	for _, r := range rules {
		if slices.Contains(allowed, r.name) {
			continue
		}
		for _, text := range r.texts(read) {
			if r.refuses {
				refusals = append(refusals, errors.New(text))
			} else {
				c.warn(text)
			}
		}
	}
	if len(refusals) == 0 {
		return nil
	}
	return fmt.Errorf("this configuration would lose records (%s::allow: [NAME] lets through what is meant so)\n%w", section, errors.Join(refusals...))
}

func (c converter) warn(text string) {
	c.logger.Warn(text)
	if c.beside != nil {
		fmt.Fprintln(c.beside, "warning: "+text)
	}
}

// texts are what a rule finds, each once.
func (r *rule) texts(c *configuration) []string {
	var all []string
	for _, f := range r.check(c) {
		all = append(all, fmt.Sprintf("%s: %s: %s (lint: %s)", f.key, f.reason, f.remedy, r.name))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// allowedRules are the names of the rules that the configuration silences.
func allowedRules(conf *confmap.Conf) ([]string, error) {
	own := conf.Get(section)
	if own == nil {
		return nil, nil
	}
	settings, ok := own.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%s: %v has no keys: write %s: {allow: [NAME]}", section, own, section)
	}
	for key := range settings {
		if key != "allow" {
			return nil, fmt.Errorf("%s::%s: there is no such key: allow is the only one", section, key)
		}
	}
	list, ok := settings["allow"].([]any)
	if name, isText := settings["allow"].(string); isText { // as an environment variable holds it
		list, ok = []any{name}, true
	}
	if !ok && settings["allow"] != nil {
		return nil, fmt.Errorf("%s::allow: %v is no list: write allow: [NAME]", section, settings["allow"])
	}
	var allowed, unknown []string
	for _, value := range list {
		name := fmt.Sprint(value)
		if slices.ContainsFunc(rules, func(r rule) bool { return r.name == name }) {
			allowed = append(allowed, name)
		} else {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) > 0 {
		var known []string
		for _, r := range rules {
			known = append(known, r.name)
		}
		meant := ""
		if nearest := spelling.Nearest(unknown[0], known); nearest != "" {
			meant = " (" + nearest + " is meant?)"
		}
		return nil, fmt.Errorf("%s::allow: there is no rule %s%s: there are %s", section, strings.Join(unknown, ", "), meant, strings.Join(known, ", "))
	}
	return allowed, nil
}
