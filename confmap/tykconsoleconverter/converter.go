// Package tykconsoleconverter is a configuration converter that gives the console the credentials of the store and the Redis that
// the configuration already names. The collector shows its configuration to extensions with every secret left out, so
// that an extension alone would need each password a second time.
package tykconsoleconverter

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/confmap"

	"github.com/otelcol-tyk/otelcol-tyk/internal/datasource"
	"github.com/otelcol-tyk/otelcol-tyk/internal/netaddr"
	"github.com/otelcol-tyk/otelcol-tyk/internal/wiring"
)

const (
	consoleType  = "tykconsole"
	exporterType = "tyksql"
	receiverType = "tykredis"
)

// connectionKeys are those of a receiver's settings that say how to reach its Redis.
var connectionKeys = []string{"addresses", "cluster", "sentinel", "username", "password", "database", "tls", "timeout"}

// NewFactory makes the converter.
func NewFactory() confmap.ConverterFactory {
	return confmap.NewConverterFactory(func(confmap.ConverterSettings) confmap.Converter { return converter{} })
}

type converter struct{}

// Convert sets store::datasource and redis::connection of consoles where nobody has. It refuses a console that cannot
// tell which store is meant, before anything starts.
func (converter) Convert(_ context.Context, conf *confmap.Conf) error {
	w := wiring.Of(conf)
	if err := check(w, conf); err != nil {
		return err
	}
	found := map[string]any{}
	for id, settings := range w.Components("extensions") {
		if wiring.Type(id) != consoleType {
			continue
		}
		set := map[string]any{}
		if store := storeOf(w, sub(settings, "store")); len(store) > 0 && isMap(settings["store"]) {
			set["store"] = store
		}
		if redis := redisOf(w, sub(settings, "redis")); len(redis) > 0 && isMap(settings["redis"]) {
			set["redis"] = redis
		}
		if len(set) > 0 {
			found[id] = set
		}
	}
	if len(found) == 0 {
		return nil
	}
	if err := conf.Merge(confmap.NewFromStringMap(map[string]any{"extensions": found})); err != nil {
		return fmt.Errorf("give %s the way to its store: %w", consoleType, err)
	}
	return nil
}

// check finds consoles in use whose store or lists are not named, or not there.
func check(w *wiring.Wiring, conf *confmap.Conf) error {
	var errs []error
	services, _ := conf.Get("service::extensions").([]any)
	for _, service := range services {
		id, _ := service.(string)
		if wiring.Type(id) != consoleType {
			continue
		}
		settings := w.Components("extensions")[id]
		stores := w.Used(exporterType, func(p wiring.Pipeline) []string { return p.Exporters })
		switch name, _ := sub(settings, "store")["exporter"].(string); {
		case name == "" && len(stores) > 1:
			errs = append(errs, fmt.Errorf("extensions::%s::store::exporter: is empty, and there are %s: name the one whose tables the console reads", id, strings.Join(stores, ", ")))
		case name != "" && !w.Has("exporters", name):
			errs = append(errs, fmt.Errorf("extensions::%s::store::exporter: there is no exporter %s: name one of exporters, such as tyksql", id, netaddr.Shown(name)))
		}
		if err := checkDatasource(w, sub(settings, "store")); err != nil {
			errs = append(errs, fmt.Errorf("extensions::%s::store::%w", id, err))
		}
		receivers := w.Used(receiverType, func(p wiring.Pipeline) []string { return p.Receivers })
		if name, _ := sub(settings, "redis")["receiver"].(string); name != "" && len(receivers) > 0 && !slices.Contains(receivers, name) {
			errs = append(errs, fmt.Errorf("extensions::%s::redis::receiver: there is no receiver %s in a pipeline: name one of %s", id, netaddr.Shown(name), strings.Join(receivers, ", ")))
		}
		for _, name := range slices.Sorted(maps.Keys(sub(sub(settings, "redis"), "connections"))) {
			if !slices.Contains(receivers, name) {
				errs = append(errs, fmt.Errorf("extensions::%s::redis::connections: there is no receiver %s in a pipeline: name one of %s", id, netaddr.Shown(name), strings.Join(receivers, ", ")))
			}
		}
	}
	return errors.Join(errs...)
}

// checkDatasource refuses one of another driver than the exporter's.
func checkDatasource(w *wiring.Wiring, own map[string]any) error {
	text, _ := own["datasource"].(string)
	exporter := w.Components("exporters")[chosen(w, own["exporter"], exporterType, func(p wiring.Pipeline) []string { return p.Exporters })]
	if text == "" || exporter == nil {
		return nil
	}
	driver, ok := exporter["driver"].(string)
	if !ok {
		driver = "sqlite" // the exporter's default
	}
	return datasource.Check(driver, text)
}

func sub(settings map[string]any, key string) map[string]any {
	value, _ := settings[key].(map[string]any)
	return value
}

// isMap tells whether settings can be merged into a value; over a text or a list they would hide what the collector refuses.
func isMap(value any) bool {
	_, ok := value.(map[string]any)
	return ok || value == nil
}

// chosen is the one that is named, or the first of a type in a pipeline.
func chosen(w *wiring.Wiring, name any, kind string, of func(wiring.Pipeline) []string) string {
	if id, ok := name.(string); ok && id != "" {
		return id
	}
	for _, p := range w.Pipelines {
		for _, id := range of(p) {
			if wiring.Type(id) == kind {
				return id
			}
		}
	}
	return ""
}

func storeOf(w *wiring.Wiring, own map[string]any) map[string]any {
	id := chosen(w, own["exporter"], exporterType, func(p wiring.Pipeline) []string { return p.Exporters })
	settings := w.Components("exporters")[id]
	set := map[string]any{}
	if datasource, ok := settings["datasource"]; ok && own["datasource"] == nil {
		set["datasource"] = datasource
		if mysql := sub(settings, "mysql"); own["mysql"] == nil && mysql["tls"] != nil {
			set["mysql"] = map[string]any{"tls": maps.Clone(sub(mysql, "tls"))}
		}
	}
	return set
}

func redisOf(w *wiring.Wiring, own map[string]any) map[string]any {
	receivers := func(p wiring.Pipeline) []string { return p.Receivers }
	first := chosen(w, own["receiver"], receiverType, receivers)
	set := map[string]any{}
	mine := connectionOf(w, first)
	if own["connection"] == nil && len(mine) > 0 {
		set["connection"] = mine
	}
	if name, _ := own["receiver"].(string); name != "" {
		return set // only its lists are shown
	}
	// Further receivers are let in where they read another Redis.
	others := map[string]any{}
	for _, id := range w.Used(receiverType, receivers) {
		if way := connectionOf(w, id); id != first && sub(own, "connections")[id] == nil && len(way) > 0 && !reflect.DeepEqual(way, mine) {
			others[id] = way
		}
	}
	if len(others) > 0 && isMap(own["connections"]) {
		set["connections"] = others
	}
	return set
}

// connectionOf is how a receiver reaches its Redis.
func connectionOf(w *wiring.Wiring, id string) map[string]any {
	connection := map[string]any{}
	for key, value := range w.Components("receivers")[id] {
		if slices.Contains(connectionKeys, key) {
			connection[key] = value
		}
	}
	return connection
}
