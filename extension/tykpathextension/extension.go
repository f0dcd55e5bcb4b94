package tykpathextension

import (
	"context"
	"net/http"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/extensionmiddleware"
)

// middleware answers one path as another, and no other.
type middleware struct {
	component.StartFunc
	component.ShutdownFunc
	config Config
}

var _ extensionmiddleware.HTTPServer = (*middleware)(nil)

// GetHTTPHandler is asked by each server that names the extension.
func (m *middleware) GetHTTPHandler(context.Context) (extensionmiddleware.WrapHTTPHandlerFunc, error) {
	return func(_ context.Context, next http.Handler) (http.Handler, error) {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != m.config.From {
				http.NotFound(w, r)
				return
			}
			r = r.Clone(r.Context())
			r.URL.Path, r.URL.RawPath = m.config.To, ""
			next.ServeHTTP(w, r)
		}), nil
	}, nil
}
