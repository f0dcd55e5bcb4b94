package console

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// axeSource is axe-core, which package.json names; npm brings it once.
func axeSource(t *testing.T) string {
	t.Helper()
	file := filepath.Join("node_modules", "axe-core", "axe.min.js")
	source, err := os.ReadFile(file)
	if os.IsNotExist(err) {
		out, failed := exec.CommandContext(t.Context(), "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts").CombinedOutput()
		require.NoError(t, failed, "axe-core is installed with npm ci in test/console: %s", out)
		source, err = os.ReadFile(file)
	}
	require.NoError(t, err)
	return string(source)
}

// checkAxe finds what keeps people from using the page that is open.
func checkAxe(ctx context.Context, t *testing.T, source, name string) {
	t.Helper()
	var result string
	err := chromedp.Run(ctx, chromedp.ActionFunc(func(ctx context.Context) error {
		// A world of its own, which the page's policy does not bind.
		tree, err := page.GetFrameTree().Do(ctx)
		if err != nil {
			return err
		}
		world, err := page.CreateIsolatedWorld(tree.Frame.ID).WithWorldName("axe").Do(ctx)
		if err != nil {
			return err
		}
		if _, failed, err := runtime.Evaluate(source).WithContextID(world).Do(ctx); err != nil || failed != nil {
			return errorOf(failed, err)
		}
		const run = `axe.run(document, {resultTypes: ["violations"], runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}).then((r) => JSON.stringify(r.violations.map((v) => v.id + ": " + v.help + ": " + v.nodes.slice(0, 3).map((n) => n.html.slice(0, 200) + " " + (n.any[0]?.message || "")).join(" | "))))`
		value, failed, err := runtime.Evaluate(run).WithContextID(world).WithAwaitPromise(true).WithReturnByValue(true).Do(ctx)
		if err != nil || failed != nil {
			return errorOf(failed, err)
		}
		return json.Unmarshal(value.Value, &result)
	}))
	require.NoError(t, err, name)
	var violations []string
	require.NoError(t, json.Unmarshal([]byte(result), &violations))
	assert.Empty(t, violations, "%s: %s", name, strings.Join(violations, "\n"))
}

func errorOf(failed *runtime.ExceptionDetails, err error) error {
	if err != nil {
		return err
	}
	return failed
}
