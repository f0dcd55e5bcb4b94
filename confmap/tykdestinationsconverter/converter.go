package tykdestinationsconverter

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/confmap"

	"github.com/otelcol-tyk/otelcol-tyk/internal/wiring"
)

const (
	receiverType = "tykredis"
	setting      = "destinations"
	// aggregateType is the processor that passes on rollups in the place of records.
	aggregateType = "tykaggregate"
	// entriesType is the exporter that pushes entries as they came.
	entriesType = "tykredis"
)

// NewFactory makes the converter.
func NewFactory() confmap.ConverterFactory {
	return confmap.NewConverterFactory(func(confmap.ConverterSettings) confmap.Converter { return converter{} })
}

type converter struct{}

// Convert sets destinations where nobody has, and has entries that cannot be decoded delivered where
// nothing but their bytes is wanted, and records given up where nobody else has them.
func (converter) Convert(_ context.Context, conf *confmap.Conf) error {
	w := wiring.Of(conf)
	receivers := derive(w.Components("receivers"), receiverType, func(id string) map[string]any {
		derived := map[string]any{}
		if all := destinations(w, id); all != "" {
			derived[setting] = all
		}
		if onlyEntries(w, id) {
			derived["undecodable"] = "deliver"
		}
		return derived
	})
	processors := derive(w.Components("processors"), aggregateType, func(id string) map[string]any {
		if !isAlone(w, id) {
			return nil
		}
		return map[string]any{"release_records": true}
	})
	for section, found := range map[string]map[string]any{"receivers": receivers, "processors": processors} {
		if len(found) == 0 {
			continue
		}
		for id := range found {
			if len(w.Components(section)[id]) == 0 {
				conf.Delete(section + confmap.KeyDelimiter + id) // nothing can be merged into what is nil
			}
		}
		if err := conf.Merge(confmap.NewFromStringMap(map[string]any{section: found})); err != nil {
			return fmt.Errorf("set what follows for %s: %w", section, err)
		}
	}
	return nil
}

// derive gives the settings that follow for the components of a type, without those that somebody has made.
func derive(all map[string]map[string]any, kind string, follows func(id string) map[string]any) map[string]any {
	found := map[string]any{}
	for id, settings := range all {
		if wiring.Type(id) != kind {
			continue
		}
		derived := follows(id)
		for key := range settings {
			delete(derived, key)
		}
		if len(derived) > 0 {
			found[id] = derived
		}
	}
	return found
}

// isAlone tells whether what a processor gets is in no other pipeline: all that it gets is from
// tykredis receivers that are in one pipeline of logs each.
func isAlone(w *wiring.Wiring, processor string) bool {
	pipelines, used := map[string]int{}, map[string]bool{}
	for _, p := range w.Pipelines {
		for _, id := range p.Receivers {
			if wiring.Type(p.ID) == "logs" {
				pipelines[id]++
			}
			used[id] = used[id] || slices.Contains(p.Processors, processor)
		}
	}
	some := false
	for id, n := range pipelines {
		if !used[id] {
			continue
		}
		if wiring.Type(id) != receiverType || n > 1 {
			return false
		}
		some = true
	}
	return some
}

// destinations names the exporters that a receiver reaches, each with a fingerprint of where it
// writes: kafka#5f607182,tyksql/a#1b2c3d4e.
func destinations(w *wiring.Wiring, receiver string) string {
	reached := map[string][]wiring.Way{}
	for _, way := range w.Ways(receiver) {
		reached[way.Exporter] = append(reached[way.Exporter], way)
	}
	exporters, processors := w.Components("exporters"), w.Components("processors")
	var all []string
	for exporter, ways := range reached {
		var means []string
		for _, way := range ways {
			means = append(means, meaning(way, processors))
		}
		slices.Sort(means)
		all = append(all, exporter+"#"+fingerprint(wiring.Type(exporter), place(exporter, exporters[exporter]), slices.Compact(means)))
	}
	slices.Sort(all)
	return strings.Join(all, ",")
}

// onlyEntries tells whether all log records of a receiver get to exporters of entries, whatever they say.
func onlyEntries(w *wiring.Wiring, receiver string) bool {
	processors, some := w.Components("processors"), false
	for _, way := range w.Ways(receiver) {
		if wiring.Type(way.Pipelines[0]) != "logs" {
			continue
		}
		some = true
		if wiring.Type(way.Exporter) != entriesType || len(way.Connectors) > 0 {
			return false
		}
		for _, id := range way.Processors {
			if wiring.Type(id) != "tykfilter" || hasConditions(processors[id]) {
				return false
			}
		}
	}
	return some
}

// hasConditions tells whether a tykfilter lets only some records through, or makes something else of them.
func hasConditions(settings map[string]any) bool {
	for key, value := range settings {
		if key != "fields" && value != nil {
			return true
		}
	}
	return false
}
