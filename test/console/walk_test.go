package console

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/consoletest"
)

// value is what an expression gives in the page that is open.
func value[T any](ctx context.Context, t *testing.T, expression string) T {
	t.Helper()
	var v T
	require.NoError(t, chromedp.Run(ctx, chromedp.Evaluate(expression, &v)), expression)
	return v
}

// until waits for an expression to be true, also over pages that come and go meanwhile.
func until(expression string) chromedp.Action {
	return chromedp.ActionFunc(func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, long)
		defer cancel()
		for {
			var is bool
			if err := chromedp.Evaluate(expression, &is).Do(ctx); err == nil && is {
				return nil
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("wait for %s: %w", expression, ctx.Err())
			case <-time.After(tick / 4):
			}
		}
	})
}

func TestAWalkThroughTheConsole(t *testing.T) {
	w := consoletest.New(t, consoletest.Settings{Records: 3000, Rollups: true, Redis: true})
	at := served(t, w, true, acting)
	ctx := browser(t)
	complaints := watch(ctx, at)
	run := func(t *testing.T, actions ...chromedp.Action) {
		t.Helper()
		require.NoError(t, chromedp.Run(ctx, actions...))
	}
	run(t, look("light", 1440, 900))

	t.Run("a crosshair reads the buckets", func(t *testing.T) {
		run(t, chromedp.Navigate(at), settled())
		whole := value[string](ctx, t, `document.querySelector("#requests [data-big]").textContent`)
		run(t, chromedp.Focus("#requests"), chromedp.KeyEvent(kb.Home))
		assert.Equal(t, "visible", value[string](ctx, t, `document.querySelector("#errors .cross").getAttribute("visibility")`), "charts share the bucket")
		one := value[string](ctx, t, `document.querySelector("#requests [data-big]").textContent`)
		assert.NotEqual(t, whole, one)
		assert.Equal(t, value[string](ctx, t, `JSON.parse(document.querySelector("#requests script").textContent).v.ok[0] + JSON.parse(document.querySelector("#requests script").textContent).v.c4[0] + JSON.parse(document.querySelector("#requests script").textContent).v.c5[0] + ""`), one)
		assert.Regexp(t, `^\d\d:\d\d: `, value[string](ctx, t, `document.querySelector("[data-say]").textContent`))
		run(t, chromedp.Evaluate(`document.activeElement.blur()`, nil))
		assert.Equal(t, whole, value[string](ctx, t, `document.querySelector("#requests [data-big]").textContent`))
	})

	t.Run("shift and the arrows narrow the time", func(t *testing.T) {
		run(t, chromedp.Navigate(at), settled(), chromedp.Focus("#requests"), chromedp.KeyEvent(kb.Home), chromedp.KeyEvent(kb.ArrowRight, chromedp.KeyModifiers(2<<2)), chromedp.KeyEvent(kb.Enter), until(`location.search.includes("from=")`))
	})

	t.Run("a filter is a URL", func(t *testing.T) {
		run(t, chromedp.Navigate(at), settled(), chromedp.Evaluate(`{ const s = document.querySelector("select[name=range]"); s.value = "6h"; s.dispatchEvent(new Event("change", {bubbles: true})); }`, nil), until(`location.search.includes("range=6h") && document.readyState === "complete"`))
		assert.Equal(t, "6h", value[string](ctx, t, `document.querySelector("select[name=range]").value`))
		run(t, chromedp.Click(".steps a"), until(`location.search.includes("from=")`))
	})

	t.Run("keys walk through records", func(t *testing.T) {
		run(t, chromedp.Navigate(at+"logs?range=6h"), settled(), chromedp.KeyEvent("j"), chromedp.KeyEvent("j"), chromedp.KeyEvent("k"))
		assert.True(t, value[bool](ctx, t, `document.querySelector(".records tbody tr").contains(document.activeElement)`))
		run(t, chromedp.KeyEvent(kb.Enter), until(`!!document.querySelector("#record")`))
		alone := value[string](ctx, t, `document.querySelector(".records tr.chosen a").dataset.alone`)
		run(t, chromedp.KeyEvent(kb.Escape), until(`!document.querySelector("#record") && document.readyState === "complete"`))
		assert.Equal(t, alone, value[string](ctx, t, `document.activeElement.dataset.alone`), "focus is back at the row")
		run(t, chromedp.KeyEvent("/"))
		assert.Equal(t, "status", value[string](ctx, t, `document.activeElement.name`))
	})

	t.Run("the keyboard reaches everything", func(t *testing.T) {
		run(t, chromedp.Navigate(at), settled(), chromedp.KeyEvent(kb.Tab))
		assert.Equal(t, "skip", value[string](ctx, t, `document.activeElement.className`))
		wanted := value[int](ctx, t, `[...document.querySelectorAll("a[href], button, select, figure[tabindex]")].filter((n) => n.offsetParent !== null || n.matches(".skip")).length`)
		seen := 1
		for seen < wanted {
			run(t, chromedp.KeyEvent(kb.Tab))
			if value[bool](ctx, t, `document.activeElement === document.body`) {
				break
			}
			require.True(t, value[bool](ctx, t, `getComputedStyle(document.activeElement).outlineStyle !== "none"`), "focus is seen")
			seen++
		}
		assert.Equal(t, wanted, seen)
	})

	t.Run("the theme stays", func(t *testing.T) {
		run(t, chromedp.Navigate(at), settled(), chromedp.Click("[data-theme-button]"), chromedp.Navigate(at+"settings"))
		assert.Equal(t, "dark", value[string](ctx, t, `document.documentElement.dataset.theme`))
		run(t, chromedp.Click("[data-theme-button]"))
	})

	t.Run("live follows and holds", func(t *testing.T) {
		run(t, chromedp.Navigate(at+"live"), until(`document.querySelector("[data-live-state]").textContent.startsWith("Following")`))
		w.Push(t, "/appears", now())
		run(t, until(`document.querySelector(".records").textContent.includes("/appears")`), chromedp.Evaluate(`document.activeElement.blur()`, nil), chromedp.KeyEvent(" "))
		assert.Contains(t, value[string](ctx, t, `document.querySelector("[data-live-state]").textContent`), "Held")
		w.Push(t, "/later", now())
		run(t, until(`document.querySelector("[data-live-state]").textContent.includes("1 newer")`))
		assert.False(t, value[bool](ctx, t, `document.querySelector(".records").textContent.includes("/later")`))
		run(t, chromedp.Click("[data-live-hold]"), until(`document.querySelector(".records").textContent.includes("/later")`))
	})

	t.Run("a dead letter is replayed to its row", func(t *testing.T) {
		w.Mended.Store(true)
		run(t, chromedp.Navigate(at+"pipeline"), until(`document.body.textContent.includes("adds up")`), chromedp.Navigate(at+"pipeline/dead?reason=too_large"), chromedp.Click("form .primary"), until(`location.pathname.endsWith("/replay")`),
			chromedp.Click(".state .primary"), until(`document.body.textContent.includes("Replayed 3 of 3 letters")`))
		require.Eventually(t, func() bool {
			run(t, chromedp.Navigate(at+"logs?range=1h&path=/refused/*"))
			return value[int](ctx, t, `document.querySelectorAll(".records tbody tr").length`) == 3
		}, long, tick)
	})

	t.Run("a drop asks for the number", func(t *testing.T) {
		run(t, chromedp.Navigate(at+"pipeline/dead?reason=undecodable"), chromedp.Click("form .danger"), until(`location.pathname.endsWith("/drop")`), chromedp.SendKeys("input[name=typed]", "2"), chromedp.Click(".state .danger"), until(`document.body.textContent.includes("Dropped 2 of 2 letters")`))
	})
	assert.Empty(t, complaints.take())
}

func TestWithoutScripts(t *testing.T) {
	w := consoletest.New(t, consoletest.Settings{Records: 500, Rollups: true, Redis: true})
	at := served(t, w, true, acting)
	ctx := browser(t)
	run := func(actions ...chromedp.Action) { t.Helper(); require.NoError(t, chromedp.Run(ctx, actions...)) }
	run(emulation.SetScriptExecutionDisabled(true), chromedp.Navigate(at+"?wait=30s"), chromedp.WaitVisible("#requests .plot"), chromedp.WaitVisible(".apis tbody tr"))
	run(chromedp.Click(`.apis thead th:nth-child(5) a`), chromedp.WaitVisible(`th[aria-sort]`), chromedp.Navigate(at+"logs?range=24h"), chromedp.Click(".records tbody a"), chromedp.WaitVisible("#record"))
	run(chromedp.Navigate(at+"pipeline/dead"), chromedp.Click("form .primary"), chromedp.WaitVisible(".state form .primary"), chromedp.Click(".state form .primary"), chromedp.WaitVisible(".state"))
}

// TestLinksLead follows every link from every page once.
func TestLinksLead(t *testing.T) {
	w := consoletest.New(t, consoletest.Settings{Records: 500, Rollups: true, Redis: true})
	at := served(t, w, true, acting)
	href := regexp.MustCompile(`(?:href|src)="([^"#]+)`)
	seen, todo := map[string]bool{}, []string{at}
	const enough = 400
	for len(todo) > 0 && len(seen) < enough {
		next := todo[0]
		todo = todo[1:]
		page, err := url.Parse(next)
		require.NoError(t, err)
		if seen[page.Path] && page.RawQuery != "" && len(seen) > enough/2 || seen[next] {
			continue
		}
		seen[next], seen[page.Path] = true, true
		status, body := fetch(t, next)
		assert.Contains(t, []int{http.StatusOK}, status, next)
		if strings.Contains(page.Path, "/static/") || strings.HasSuffix(page.Path, ".json") || strings.HasSuffix(page.Path, ".csv") {
			continue
		}
		for _, found := range href.FindAllStringSubmatch(body, -1) {
			to, err := page.Parse(strings.ReplaceAll(strings.ReplaceAll(found[1], "&amp;", "&"), "&#43;", "+"))
			if assert.NoError(t, err, found[1]) && to.Host == page.Host {
				todo = append(todo, to.String())
			}
		}
	}
	assert.Greater(t, len(seen), 100)
}

// TestNewerRequestsAreCounted has requests come while a page of Logs is open, with scripts and without.
func TestNewerRequestsAreCounted(t *testing.T) {
	w := consoletest.New(t, consoletest.Settings{Records: 500, Rollups: true, Redis: true})
	at := served(t, w, true, nil)
	ctx := browser(t)
	complaints := watch(ctx, at)
	run := func(actions ...chromedp.Action) { t.Helper(); require.NoError(t, chromedp.Run(ctx, actions...)) }
	run(look("light", 1440, 900), chromedp.Navigate(at+"logs?range=1h"), settled())
	w.Push(t, "/newer", now())
	run(until(`document.querySelector("[data-newer] a")?.textContent === "1 newer"`))
	checkAxe(ctx, t, axeSource(t), "newer")
	assert.NotContains(t, value[string](ctx, t, `document.querySelector(".records tbody").textContent`), "/newer", "the list stands still")
	run(chromedp.Click("[data-newer] a"), until(`document.querySelector(".records tbody tr")?.textContent.includes("/newer")`))
	assert.Empty(t, complaints.take())

	run(emulation.SetScriptExecutionDisabled(true), chromedp.Navigate(at+"logs?range=1h"), chromedp.Click("noscript a"), chromedp.WaitVisible(".state"))
	w.Push(t, "/later", now())
	require.Eventually(t, func() bool {
		var page string
		run(chromedp.Click(".state .actions a"), chromedp.WaitVisible("main"), chromedp.OuterHTML("main", &page))
		return strings.Contains(page, "/later") && !strings.Contains(page, "/newer")
	}, long, tick)
}
