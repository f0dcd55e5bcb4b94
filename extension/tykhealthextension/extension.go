package tykhealthextension

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensioncapabilities"
	"go.uber.org/zap"
)

// pumpBody is Tyk Pump's answer, to the letter.
const pumpBody = `{"status": "ok"}`

type healthExtension struct {
	*health

	config  *Config
	set     component.TelemetrySettings
	server  *http.Server
	serving sync.WaitGroup
}

var (
	_ extension.Extension                   = (*healthExtension)(nil)
	_ componentstatus.Watcher               = (*healthExtension)(nil)
	_ extensioncapabilities.PipelineWatcher = (*healthExtension)(nil)
)

func newExtension(config *Config, set component.TelemetrySettings) *healthExtension {
	return &healthExtension{health: newHealth(config.RecoveryDuration, set.Logger), config: config, set: set}
}

// Start listens, so that it is answered while the pipelines start, too.
func (e *healthExtension) Start(ctx context.Context, host component.Host) error {
	listener, err := e.config.Server.ToListener(ctx)
	if err != nil {
		return fmt.Errorf("start the tykhealth extension: endpoint: %w", err)
	}
	server, err := e.config.Server.ToServer(ctx, host.GetExtensions(), e.set, http.HandlerFunc(e.answer))
	if err != nil {
		return errors.Join(fmt.Errorf("start the tykhealth extension: %w", err), listener.Close())
	}
	e.server = server
	e.serving.Go(func() {
		if err := server.Serve(listener); err != nil && !errors.Is(err, http.ErrServerClosed) {
			componentstatus.ReportStatus(host, componentstatus.NewFatalErrorEvent(fmt.Errorf("answer about health: %w", err)))
		}
	})
	e.set.Logger.Info("Answering about health", zap.String("endpoint", listener.Addr().String()), zap.String("ready", e.config.ReadyPath),
		zap.String("live", e.config.LivePath), zap.String("tyk_pump", e.config.PumpPath))
	return nil
}

// Shutdown ends the server at once: its answers are short.
func (e *healthExtension) Shutdown(context.Context) error {
	if e.server == nil {
		return nil
	}
	err := e.server.Close()
	e.serving.Wait()
	return err
}

func (e *healthExtension) answer(w http.ResponseWriter, r *http.Request) {
	var give func() (bool, any)
	switch path := r.URL.Path; path {
	case "": // is that of an answer that is not given
	case e.config.ReadyPath:
		give = func() (bool, any) { return e.ready(time.Now()) }
	case e.config.LivePath:
		give = func() (bool, any) { return e.live() }
	case e.config.PumpPath:
		give = func() (bool, any) { return true, json.RawMessage(pumpBody) }
	}
	switch {
	case give == nil:
		http.NotFound(w, r)
		return
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "use GET", http.StatusMethodNotAllowed)
		return
	}
	good, body := give()
	text, ok := body.(json.RawMessage)
	if !ok {
		var err error
		if text, err = json.Marshal(body); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if !good {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	if _, err := w.Write(text); err != nil {
		e.set.Logger.Debug("Whoever asked about health did not wait for the answer", zap.Error(err))
	}
}
