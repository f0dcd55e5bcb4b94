package pages

import (
	"bytes"
	"context"
	"maps"
	"net/http"
	"sync"
	"time"
)

// A page that was just made is shown to everybody who asks for it, so that many who look at the same cost what one costs. The
// dearer a page is, the longer it is kept: making it takes a fortieth of the time at most, whatever the store and however many look.
const (
	leastKept, mostKept = time.Second, 10 * time.Second
	keptTimes           = 40
	mostKeptBytes       = 4 << 20
	mostKeptPage        = 512 << 10
)

// kept are the pages that were made a moment ago.
type kept struct {
	mu    sync.Mutex
	pages map[string]*keptPage
	bytes int
	made  int64 // how often all were forgotten
}

// keptPage is one of them. Before done is closed it is being made; then shared says whether others may see it.
type keptPage struct {
	done   chan struct{}
	shared bool
	header http.Header
	status int
	body   bytes.Buffer
}

// serve answers from what is kept under a key, or by answer, which says whether all of the page is there.
func (k *kept) serve(w http.ResponseWriter, r *http.Request, key string, answer func(http.ResponseWriter) (whole bool)) {
	k.mu.Lock()
	p, ok := k.pages[key]
	if !ok {
		if k.pages == nil {
			k.pages = map[string]*keptPage{}
		}
		p = &keptPage{done: make(chan struct{}), header: http.Header{}, status: http.StatusOK}
		k.pages[key] = p
		made := k.made
		k.mu.Unlock()
		k.make(r.Context(), key, made, p, answer)
		p.send(w)
		return
	}
	k.mu.Unlock()
	select {
	case <-p.done:
	case <-r.Context().Done():
		return
	}
	if p.shared {
		p.send(w)
		return
	}
	answer(w)
}

// make makes a page, and keeps it where others may see it. It is not sent yet: others do not wait for a slow browser.
func (k *kept) make(ctx context.Context, key string, made int64, p *keptPage, answer func(http.ResponseWriter) bool) {
	began, whole, finished := time.Now(), false, false
	defer func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		defer close(p.done)
		p.shared = finished && p.status == http.StatusOK && p.header.Get("Set-Cookie") == "" && k.made == made && ctx.Err() == nil // else it is what was made when nobody waited
		switch {
		case k.pages[key] != p:
		case p.shared && p.body.Len() <= mostKeptPage && k.bytes+p.body.Len() <= mostKeptBytes:
			k.bytes += p.body.Len()
			keep := leastKept
			if whole {
				keep = min(max(time.Since(began)*keptTimes, leastKept), mostKept)
			}
			time.AfterFunc(keep, func() { k.remove(key, p) })
		default:
			delete(k.pages, key)
		}
	}()
	whole = answer(p)
	finished = true
}

func (k *kept) remove(key string, p *keptPage) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.pages[key] == p {
		delete(k.pages, key)
		k.bytes -= p.body.Len()
	}
}

// forget has all pages made anew, since something was done.
func (k *kept) forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.pages, k.bytes = nil, 0
	k.made++
}

// send answers with the page.
func (p *keptPage) send(w http.ResponseWriter) {
	maps.Copy(w.Header(), p.header)
	w.WriteHeader(p.status)
	_, _ = w.Write(p.body.Bytes()) // whoever asked may not wait for it
}

// Header is the page's own.
func (p *keptPage) Header() http.Header { return p.header }

// WriteHeader notes the status.
func (p *keptPage) WriteHeader(status int) { p.status = status }

func (p *keptPage) Write(b []byte) (int, error) { return p.body.Write(b) }
