package tykhealthextension

import (
	"slices"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/pipeline"
	"go.uber.org/zap"
)

// health is what is known of the collector's components.
type health struct {
	recovery time.Duration
	logger   *zap.Logger

	mu      sync.Mutex // guards the rest
	stage   string     // starting, running or stopping
	reports map[componentstatus.InstanceID]report
}

// report is what a component said last, if it is worth telling.
type report struct {
	status componentstatus.Status
	err    error
	// since is when the trouble began, which what is said of it later does not change.
	since time.Time
}

const (
	starting = "starting"
	running  = "running"
	stopping = "stopping"
)

func newHealth(recovery time.Duration, logger *zap.Logger) *health {
	return &health{recovery: recovery, logger: logger, stage: starting, reports: map[componentstatus.InstanceID]report{}}
}

// Ready is called when all pipelines have started.
func (h *health) Ready() error { return h.enter(running) }

// NotReady is called when the pipelines are about to stop.
func (h *health) NotReady() error { return h.enter(stopping) }

func (h *health) enter(stage string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stage = stage
	return nil
}

// ComponentStatusChanged is called by the collector with each status of each component.
func (h *health) ComponentStatusChanged(source *componentstatus.InstanceID, event *componentstatus.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := report{status: event.Status(), err: event.Err(), since: event.Timestamp()}
	h.log(source, h.reports[*source].status, now)
	if now.err == nil && !componentstatus.StatusIsError(now.status) {
		delete(h.reports, *source)
		return
	}
	if before, ok := h.reports[*source]; ok && componentstatus.StatusIsError(before.status) == componentstatus.StatusIsError(now.status) {
		now.since = before.since
	}
	h.reports[*source] = now
}

// log tells the trouble of components that report it and say nothing themselves, as ours do.
func (h *health) log(source *componentstatus.InstanceID, before componentstatus.Status, now report) {
	wasIn, isIn := componentstatus.StatusIsError(before), componentstatus.StatusIsError(now.status)
	if wasIn == isIn || strings.HasPrefix(source.ComponentID().Type().String(), "tyk") {
		return
	}
	of := []zap.Field{zap.String("kind", strings.ToLower(source.Kind().String())), zap.String("id", source.ComponentID().String())}
	switch {
	case isIn:
		h.logger.Warn("A component is in trouble", append(of, zap.Error(now.err))...)
	case now.status == componentstatus.StatusOK:
		h.logger.Info("A component works again", of...)
	}
}

// answer is the body of what is answered.
type answer struct {
	Status     string `json:"status"`
	Reason     string `json:"reason,omitempty"`
	Components []said `json:"components,omitempty"`
}

// said is what a component said.
type said struct {
	Kind      string    `json:"kind"`
	ID        string    `json:"id"`
	Pipelines []string  `json:"pipelines,omitempty"`
	Status    string    `json:"status"`
	Since     time.Time `json:"since"`
	Error     string    `json:"error,omitempty"`
}

// ready tells whether records, spans and metrics are taken and stored, as far as components say.
func (h *health) ready(now time.Time) (bool, any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stage != running {
		return false, answer{Status: "not ready", Reason: h.stage, Components: h.told()}
	}
	for _, r := range h.reports {
		lasting := r.status == componentstatus.StatusRecoverableError && now.Sub(r.since) >= h.recovery
		if lasting || final(r.status) {
			return false, answer{Status: "not ready", Reason: "components are in trouble", Components: h.told()}
		}
	}
	return true, answer{Status: "ready", Components: h.told()}
}

// live tells whether to go on with this process: it is not for trouble that a restart does not end.
func (h *health) live() (bool, any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, r := range h.reports {
		if final(r.status) {
			return false, answer{Status: "not live", Reason: "a component cannot go on", Components: h.told()}
		}
	}
	return true, answer{Status: "live"}
}

// final tells whether a component needs a new process.
func final(status componentstatus.Status) bool {
	return status == componentstatus.StatusPermanentError || status == componentstatus.StatusFatalError
}

// told lists what components said, in an order of their own.
func (h *health) told() []said {
	all := make([]said, 0, len(h.reports))
	for id, r := range h.reports {
		c := said{
			Kind: strings.ToLower(id.Kind().String()), ID: id.ComponentID().String(), Since: r.since.UTC(),
			Status: strings.TrimPrefix(r.status.String(), "Status"),
		}
		if r.err != nil {
			c.Error = r.err.Error()
		}
		id.AllPipelineIDs(func(p pipeline.ID) bool {
			c.Pipelines = append(c.Pipelines, p.String())
			return true
		})
		slices.Sort(c.Pipelines)
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b said) int {
		return strings.Compare(a.Kind+" "+a.ID+" "+strings.Join(a.Pipelines, " "), b.Kind+" "+b.ID+" "+strings.Join(b.Pipelines, " "))
	})
	return all
}
