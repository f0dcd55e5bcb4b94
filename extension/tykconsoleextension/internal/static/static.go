// Package static has what the console's pages load, compressed and named by its content.
package static

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"net/http"
	"path"
	"strconv"
	"strings"
)

//go:embed console.css console.js icon.svg
var files embed.FS

type file struct {
	kind          string
	plain, zipped []byte
}

// Files serves files below /static/{hash}/.
type Files struct {
	hash  string
	files map[string]file
}

// New compresses all files.
func New() (*Files, error) {
	entries, err := files.ReadDir(".")
	if err != nil {
		return nil, fmt.Errorf("read what pages load: %w", err)
	}
	f := &Files{files: map[string]file{}}
	sum := sha256.New()
	for _, entry := range entries {
		plain, err := files.ReadFile(entry.Name())
		if err != nil {
			return nil, fmt.Errorf("read what pages load: %w", err)
		}
		sum.Write(plain)
		var out bytes.Buffer
		z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
		if err != nil {
			return nil, fmt.Errorf("compress what pages load: %w", err)
		}
		if _, err := z.Write(plain); err != nil {
			return nil, fmt.Errorf("compress what pages load: %w", err)
		}
		if err := z.Close(); err != nil {
			return nil, fmt.Errorf("compress what pages load: %w", err)
		}
		f.files[entry.Name()] = file{kind: kinds[path.Ext(entry.Name())], plain: plain, zipped: out.Bytes()}
	}
	f.hash = hex.EncodeToString(sum.Sum(nil))[:12]
	return f, nil
}

var kinds = map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}

// URL is where a file is below a base.
func (f *Files) URL(base, name string) string { return base + "static/" + f.hash + "/" + name }

// ServeHTTP answers /static/{hash}/{name}.
func (f *Files) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	found, ok := f.files[r.PathValue("name")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	header := w.Header()
	header.Set("Content-Type", found.kind)
	header.Set("Vary", "Accept-Encoding")
	header.Set("Cache-Control", "no-cache")
	if r.PathValue("hash") == f.hash {
		header.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	body := found.plain
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		header.Set("Content-Encoding", "gzip")
		body = found.zipped
	}
	header.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body)
	}
}
