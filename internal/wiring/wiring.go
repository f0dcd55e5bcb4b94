// Package wiring reads from a collector's configuration which components there are and what
// reaches what. It serves configuration converters, which run before the collector has checked
// anything: what cannot be read is left out, for the collector to complain about.
package wiring

import (
	"maps"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/confmap"
)

// Pipeline is one of service::pipelines. Its components are named by their IDs, such as tyksql/a.
type Pipeline struct {
	// ID is its signal and name, such as logs/rollups.
	ID string
	// Receivers are where its data comes from; connectors among them.
	Receivers []string
	// Processors are what it passes through, in order.
	Processors []string
	// Exporters are where it goes; connectors among them.
	Exporters []string
}

// Way is one on which data gets from a receiver to an exporter.
type Way struct {
	// Pipelines are those on the way, in order, by their IDs.
	Pipelines []string
	// Processors are those of all pipelines on the way, in order.
	Processors []string
	// Connectors are those between its pipelines, in order.
	Connectors []string
	// Exporter is where it ends.
	Exporter string
}

// Wiring is what a configuration says.
type Wiring struct {
	// Pipelines are in order of their IDs.
	Pipelines []Pipeline

	conf map[string]any
}

// Of reads a configuration.
func Of(conf *confmap.Conf) *Wiring {
	w := &Wiring{conf: conf.ToStringMap()}
	service, _ := w.conf["service"].(map[string]any)
	pipelines, _ := service["pipelines"].(map[string]any)
	for _, id := range slices.Sorted(maps.Keys(pipelines)) {
		pipeline, _ := pipelines[id].(map[string]any)
		w.Pipelines = append(w.Pipelines, Pipeline{
			ID:         id,
			Receivers:  names(pipeline["receivers"]),
			Processors: names(pipeline["processors"]),
			Exporters:  names(pipeline["exporters"]),
		})
	}
	return w
}

func names(list any) []string {
	var all []string
	values, _ := list.([]any)
	for _, value := range values {
		if name, ok := value.(string); ok {
			all = append(all, strings.TrimSpace(name))
		}
	}
	return all
}

// Type is that of a component, which is what its ID begins with.
func Type(id string) string {
	kind, _, _ := strings.Cut(id, "/")
	return strings.TrimSpace(kind)
}

// Used are the components of a type that stand in a pipeline, in the part of it that of gives, each once.
func (w *Wiring) Used(kind string, of func(Pipeline) []string) []string {
	var all []string
	for _, p := range w.Pipelines {
		for _, id := range of(p) {
			if Type(id) == kind && !slices.Contains(all, id) {
				all = append(all, id)
			}
		}
	}
	return all
}

// Components are the settings of all components in a section, such as receivers, by ID. Those
// without any have an empty map; those whose settings are a text or a list are left out.
func (w *Wiring) Components(section string) map[string]map[string]any {
	all := map[string]map[string]any{}
	components, _ := w.conf[section].(map[string]any)
	for id, value := range components {
		settings, ok := value.(map[string]any)
		if !ok && value != nil {
			continue
		}
		if settings == nil {
			settings = map[string]any{}
		}
		all[id] = settings
	}
	return all
}

// Has tells whether there is a component in a section, whatever its settings are.
func (w *Wiring) Has(section, id string) bool {
	components, _ := w.conf[section].(map[string]any)
	_, ok := components[id]
	return ok
}

// Ways finds all ways on which data of a receiver gets to exporters, also through connectors.
func (w *Wiring) Ways(receiver string) []Way {
	var all []Way
	var follow func(from string, before Way)
	follow = func(from string, before Way) {
		for _, p := range w.Pipelines {
			if !slices.Contains(p.Receivers, from) || slices.Contains(before.Pipelines, p.ID) {
				continue // the collector itself refuses circles
			}
			way := Way{
				Pipelines: append(slices.Clip(before.Pipelines), p.ID), Processors: slices.Concat(before.Processors, p.Processors),
				Connectors: before.Connectors,
			}
			for _, to := range p.Exporters {
				if w.Has("connectors", to) {
					next := way
					next.Connectors = append(slices.Clip(way.Connectors), to)
					follow(to, next)
				} else {
					way.Exporter = to
					all = append(all, way)
				}
			}
		}
	}
	follow(receiver, Way{})
	return all
}
