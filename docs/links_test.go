package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What is looked for in a line of Markdown.
var (
	links    = regexp.MustCompile(`\]\(([^)\s]+)(?: "[^"]*")?\)`)
	code     = regexp.MustCompile("`[^`]*`") // may look like a link
	linkText = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
	anchored = regexp.MustCompile(`<a (?:id|name)="([^"]+)"`)
	noAnchor = regexp.MustCompile(`[^\p{L}\p{N}\p{M}_ -]`) // what a heading's anchor has not
)

// page is what a Markdown file links to, and what can be linked to in it.
type page struct {
	links   []string
	anchors map[string]bool
}

// readPage leaves out what is in fences, which readers see as text.
func readPage(t *testing.T, file string) page {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	p := page{anchors: map[string]bool{}}
	fenced := false
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			fenced = !fenced
			continue
		}
		if fenced {
			continue
		}
		if title := strings.TrimLeft(line, "#"); title != line && strings.HasPrefix(title, " ") {
			p.anchors[p.freeAnchor(title)] = true
		}
		for _, found := range anchored.FindAllStringSubmatch(line, -1) {
			p.anchors[found[1]] = true
		}
		for _, found := range links.FindAllStringSubmatch(code.ReplaceAllString(line, ""), -1) {
			p.links = append(p.links, found[1])
		}
	}
	require.False(t, fenced, "%s: a fence is not closed", file)
	return p
}

// freeAnchor is the one that GitHub gives a heading.
func (p page) freeAnchor(title string) string {
	title = linkText.ReplaceAllString(strings.TrimSpace(title), "$1")
	anchor := strings.ReplaceAll(noAnchor.ReplaceAllString(strings.ToLower(title), ""), " ", "-")
	free := anchor
	for n := 1; p.anchors[free]; n++ {
		free = anchor + "-" + strconv.Itoa(n)
	}
	return free
}

// Each link between files of this repository leads to a file, and to a heading in it.
func TestLinksLeadSomewhere(t *testing.T) {
	t.Parallel()
	pages := map[string]page{}
	root, err := filepath.Abs("..")
	require.NoError(t, err)
	require.NoError(t, filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		name := entry.Name()
		switch {
		case err != nil:
			return err
		case entry.IsDir() && file != root && (strings.HasPrefix(name, ".") && name != ".github" || name == "bin" || name == "node_modules"):
			return filepath.SkipDir
		case filepath.Ext(name) == ".md":
			pages[file] = readPage(t, file)
		}
		return nil
	}))
	require.Greater(t, len(pages), 50)
	checked := 0
	for file, p := range pages {
		for _, link := range p.links {
			if strings.Contains(link, "://") || strings.HasPrefix(link, "mailto:") {
				continue
			}
			checked++
			path, anchor, _ := strings.Cut(link, "#")
			target := file
			if path != "" {
				target = filepath.Join(filepath.Dir(file), path)
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s links to %s: %v", file, link, err)
				continue
			}
			if anchor == "" {
				continue
			}
			to, ok := pages[target]
			assert.True(t, ok && to.anchors[anchor], "%s links to %s: there is no such heading", file, link)
		}
	}
	require.Greater(t, checked, 100)
}
