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
)

// NewFactory makes the converter.
func NewFactory() confmap.ConverterFactory {
	return confmap.NewConverterFactory(func(confmap.ConverterSettings) confmap.Converter { return converter{} })
}

type converter struct{}

// Convert sets destinations where nobody has.
func (converter) Convert(_ context.Context, conf *confmap.Conf) error {
	w := wiring.Of(conf)
	found := map[string]any{}
	for id, settings := range w.Components("receivers") {
		if _, set := settings[setting]; set || wiring.Type(id) != receiverType {
			continue
		}
		if all := destinations(w, id); all != "" {
			found[id] = map[string]any{setting: all}
		}
	}
	if len(found) == 0 {
		return nil
	}
	if err := conf.Merge(confmap.NewFromStringMap(map[string]any{"receivers": found})); err != nil {
		return fmt.Errorf("set %s of %s: %w", setting, receiverType, err)
	}
	return nil
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
