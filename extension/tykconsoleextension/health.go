package tykconsoleextension

import (
	"slices"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"

	"github.com/otelcol-tyk/otelcol-tyk/extension/tykconsoleextension/internal/pages"
)

// health is what components last said of themselves, by kind and id: one that stands in several pipelines is one.
type health struct {
	mu   sync.Mutex
	last map[[2]string]pages.Component
}

func newHealth() *health { return &health{last: map[[2]string]pages.Component{}} }

func (h *health) changed(source *componentstatus.InstanceID, event *componentstatus.Event) {
	if source.Kind() == component.KindExtension {
		return
	}
	c := pages.Component{ID: source.ComponentID().String(), Kind: strings.ToLower(source.Kind().String()), Status: event.Status().String(), Since: event.Timestamp()}
	if event.Err() != nil {
		c.Error = event.Err().Error()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	key := [2]string{c.Kind, c.ID}
	if old, ok := h.last[key]; ok && old.Status == c.Status {
		c.Since = old.Since // trouble that changes its words lasts
	}
	h.last[key] = c
}

// components are those of the pipelines, whether they said something or not.
func (h *health) components(of []pages.Component) []pages.Component {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := slices.Clone(of)
	for i, c := range all {
		if said, ok := h.last[[2]string{c.Kind, c.ID}]; ok {
			all[i] = said
		}
	}
	return all
}

var started = time.Now()
