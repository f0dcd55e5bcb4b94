package settings

import (
	"strings"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/table"
)

// Object gives the settings as an object of a file that says the same without variables and stores of secrets.
// What is an object itself is left out.
func (g *Group) Object() map[string]any {
	all := map[string]any{}
	for _, key := range g.Section.Keys {
		v := g.values[key.Name]
		if v == nil || key.Kind == table.Object {
			continue
		}
		data := v.Data
		if pause, ok := data.(time.Duration); ok {
			data = pause.String() // of a number, Tyk Pump cuts the fraction
		}
		at := all
		path := strings.Split(key.Name, ".")
		for _, name := range path[:len(path)-1] {
			below, ok := at[name].(map[string]any)
			if !ok {
				below = map[string]any{}
				at[name] = below
			}
			at = below
		}
		at[path[len(path)-1]] = data
	}
	return all
}
