package console

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/extension/extensioncapabilities"
	"go.opentelemetry.io/collector/extension/extensiontest"

	"github.com/otelcol-tyk/otelcol-tyk/extension/tykconsoleextension"
	"github.com/otelcol-tyk/otelcol-tyk/internal/consoletest"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

// served is a console in front of a world, and its address.
func served(t *testing.T, w *consoletest.World, rollups bool, change func(*tykconsoleextension.Config)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())
	factory := tykconsoleextension.NewFactory()
	config := factory.CreateDefaultConfig().(*tykconsoleextension.Config)
	config.Server.NetAddr.Endpoint, config.Title = address, "gw-eu-1"
	config.Store.Datasource = configopaque.String(w.Datasource)
	if change != nil {
		change(config)
	}
	require.NoError(t, config.Validate())
	e, err := factory.Create(t.Context(), extensiontest.NewNopSettings(factory.Type()), config)
	require.NoError(t, err)
	require.NoError(t, e.Start(t.Context(), componenttest.NewNopHost()))
	t.Cleanup(func() { require.NoError(t, e.Shutdown(context.Background())) })
	require.NoError(t, e.(extensioncapabilities.ConfigWatcher).NotifyConfig(t.Context(), w.Configuration(rollups)))
	require.NoError(t, e.(extensioncapabilities.PipelineWatcher).Ready())
	return "http://" + address + "/"
}

// browser is a headless Chromium that ends with the test.
func browser(t *testing.T) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("Chromium is not installed; install it with: apt-get install -y chromium")
	}
	profile, err := os.MkdirTemp("", "console-browser")
	require.NoError(t, err)
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(profile),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("force-color-profile", "srgb"),
	)
	allocator, end := chromedp.NewExecAllocator(t.Context(), options...)
	ctx, end2 := chromedp.NewContext(allocator)
	t.Cleanup(func() {
		end2()
		end()
		_ = os.RemoveAll(profile)
	})
	ctx, cancel := context.WithTimeout(ctx, 15*time.Minute) // only what hangs takes so long
	t.Cleanup(cancel)
	require.NoError(t, chromedp.Run(ctx))
	return ctx
}

// long is for what comes at once unless something hangs.
const (
	long = sinktest.Long
	tick = 100 * time.Millisecond
)

func now() time.Time { return time.Now() }

func fetch(t *testing.T, address string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
	require.NoError(t, err)
	for {
		response, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		if response.StatusCode == http.StatusServiceUnavailable && response.Header.Get("Retry-After") == "1" {
			time.Sleep(tick) // a hundred requests a second are as many as the console takes
			continue
		}
		return response.StatusCode, string(body)
	}
}
