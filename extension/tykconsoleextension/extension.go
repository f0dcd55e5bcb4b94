package tykconsoleextension

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensioncapabilities"
	"go.uber.org/zap"

	"github.com/otelcol-tyk/otelcol-tyk/extension/tykconsoleextension/internal/pages"
	"github.com/otelcol-tyk/otelcol-tyk/extension/tykconsoleextension/internal/static"
)

type consoleExtension struct {
	config  *Config
	set     extension.Settings
	backend *backend
	site    *pages.Site
	server  *http.Server
	serving sync.WaitGroup
}

var (
	_ extension.Extension                   = (*consoleExtension)(nil)
	_ componentstatus.Watcher               = (*consoleExtension)(nil)
	_ extensioncapabilities.ConfigWatcher   = (*consoleExtension)(nil)
	_ extensioncapabilities.PipelineWatcher = (*consoleExtension)(nil)
	_ extensioncapabilities.Dependent       = (*consoleExtension)(nil)
)

func newExtension(config *Config, set extension.Settings) *consoleExtension {
	return &consoleExtension{config: config, set: set, backend: newBackend(config, set)}
}

// Dependencies are what must start before: who asks for names and passwords.
func (e *consoleExtension) Dependencies() []component.ID {
	if e.config.Server.Auth.HasValue() {
		return []component.ID{e.config.Server.Auth.Get().AuthenticatorID}
	}
	return nil
}

// Start listens, so that pages say that the pipelines start.
func (e *consoleExtension) Start(ctx context.Context, host component.Host) error {
	handler, err := e.handler()
	if err != nil {
		return fmt.Errorf("start the tykconsole extension: %w", err)
	}
	listener, err := e.config.Server.ToListener(ctx)
	if err != nil {
		return fmt.Errorf("start the tykconsole extension: endpoint: %w", err)
	}
	server, err := e.config.Server.ToServer(ctx, host.GetExtensions(), e.set.TelemetrySettings, handler, confighttp.WithErrorHandler(unauthorized(e.config)))
	if err != nil {
		return errors.Join(fmt.Errorf("start the tykconsole extension: %w", err), listener.Close())
	}
	server.MaxHeaderBytes = mostHeader
	e.server = server
	e.serving.Go(func() {
		if err := server.Serve(listener); err != nil && !errors.Is(err, http.ErrServerClosed) {
			componentstatus.ReportStatus(host, componentstatus.NewFatalErrorEvent(fmt.Errorf("serve the console: %w", err)))
		}
	})
	scheme := "http://"
	if e.config.Server.TLS.HasValue() {
		scheme = "https://"
	}
	e.set.Logger.Info("The console is at "+scheme+listener.Addr().String()+e.base(), zap.Bool("actions", e.config.Actions))
	return nil
}

// base is the path of all pages, with a slash at its end.
func (e *consoleExtension) base() string { return strings.TrimSuffix(e.config.BasePath, "/") + "/" }

// handler is everything that is behind the server's authentication.
func (e *consoleExtension) handler() (http.Handler, error) {
	files, err := static.New()
	if err != nil {
		return nil, err
	}
	zone, err := time.LoadLocation(e.config.Timezone)
	if err != nil {
		return nil, fmt.Errorf("timezone: %q is not known: use an IANA name, such as Europe/Berlin", e.config.Timezone)
	}
	secret := make([]byte, 32)
	if _, err := rand.Read(secret); err != nil {
		return nil, fmt.Errorf("make the key of forms: %w", err)
	}
	title := e.config.Title
	if title == "" {
		title, _ = os.Hostname()
	}
	base := e.base()
	site, err := pages.NewSite(pages.Options{
		Base: base, Host: title, Zone: zone, Keys: e.config.Keys, Bodies: e.config.Bodies, TraceURL: e.config.TraceURL, Actions: e.config.Actions, MayAct: e.config.mayAct, User: userOf,
		Assets: pages.Assets{Style: files.URL(base, "console.css"), Script: files.URL(base, "console.js"), Icon: files.URL(base, "icon.svg")},
		Log:    e.set.Logger, Secret: secret,
	}, e.backend)
	if err != nil {
		return nil, err
	}
	e.site = site
	mux := http.NewServeMux()
	mux.Handle("GET /static/{hash}/{name}", files)
	mux.Handle("/", site)
	return &guard{next: strip(base, mux), hosts: knownHosts(e.config), log: e.set.Logger, write: e.config.Server.WriteTimeout}, nil
}

// NotifyConfig reads which stores and lists there are.
func (e *consoleExtension) NotifyConfig(_ context.Context, conf *confmap.Conf) error {
	return e.backend.read(conf)
}

// ComponentStatusChanged remembers each component's health.
func (e *consoleExtension) ComponentStatusChanged(source *componentstatus.InstanceID, event *componentstatus.Event) {
	e.backend.health.changed(source, event)
}

// Ready says that all pipelines run.
func (e *consoleExtension) Ready() error {
	e.backend.setReady(true)
	return nil
}

// NotReady says that they end.
func (e *consoleExtension) NotReady() error {
	e.backend.setReady(false)
	return nil
}

// Shutdown ends the server, and closes what was read.
func (e *consoleExtension) Shutdown(context.Context) error {
	var err error
	if e.server != nil {
		err = e.server.Close()
		e.serving.Wait()
	}
	// At the same time: a connection that is closed ends what waits for a Redis that does not answer.
	var ends sync.WaitGroup
	if e.site != nil {
		ends.Go(e.site.Close)
	}
	err = errors.Join(err, e.backend.close())
	ends.Wait()
	return err
}
