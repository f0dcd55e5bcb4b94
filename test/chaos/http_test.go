//go:build e2e || chaos

package chaos

import (
	"compress/gzip"
	"compress/zlib"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"
)

// trouble is how a destination answers for a while, to about every second request.
type trouble int

const (
	none        trouble = iota
	busy                // 429, and half the time a wish when to come again
	unavailable         // 503
	tooLarge            // 413, unless a record stands alone
	partly              // some records are taken, and some are not
	cutBefore           // the connection ends, and nothing is stored
	cutAfter            // all is stored, and the connection ends
	hangs               // no answer comes
)

// overHTTP is a destination that is asked over HTTP.
type overHTTP struct {
	*counter

	of     product
	server *httptest.Server

	mu      sync.Mutex // guards the fields below
	dice    *dice
	trouble trouble
	over    chan struct{} // is closed when the trouble ends
}

func newOverHTTP(of product, counts *counter, d *dice) *overHTTP {
	o := &overHTTP{counter: counts, of: of, dice: d, over: make(chan struct{})}
	o.server = httptest.NewServer(o)
	return o
}

func (o *overHTTP) exporter(way func(string) (string, error)) (destination, error) {
	at, err := way(o.server.Listener.Addr().String())
	return o.of.destination(at), err
}

func (o *overHTTP) close() {
	o.turn(none)
	o.server.CloseClientConnections()
	o.server.Close()
}

// turn changes how it answers.
func (o *overHTTP) turn(t trouble) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.trouble = t
	close(o.over)
	o.over = make(chan struct{})
}

// draw is how one request is answered.
func (o *overHTTP) draw() (t trouble, again bool, over chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.dice.chance(0.5) {
		return none, false, o.over
	}
	return o.trouble, o.dice.chance(0.5), o.over
}

// ServeHTTP answers one request.
func (o *overHTTP) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := uncompressed(r)
	if err != nil { // cut on its way
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	items, err := o.of.wire(r, body)
	for i := range items {
		if items[i].alias == "" {
			err = fmt.Errorf("a record without its alias: %w", err)
		}
	}
	if err != nil {
		o.unreadable(err, body)
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	now, again, over := o.draw()
	if now == tooLarge && len(items) == 1 || now == partly && !o.of.partial {
		now = none
	}
	switch now {
	case hangs:
		select {
		case <-over:
		case <-r.Context().Done():
		}
		o.came(true, false)
		panic(http.ErrAbortHandler)
	case cutBefore:
		o.came(true, false)
		panic(http.ErrAbortHandler)
	case busy, unavailable, tooLarge:
		o.came(true, false)
		if again {
			w.Header().Set("Retry-After", "1")
		}
		w.WriteHeader(map[trouble]int{busy: http.StatusTooManyRequests, unavailable: http.StatusServiceUnavailable, tooLarge: http.StatusRequestEntityTooLarge}[now])
	case none, partly, cutAfter:
		o.store(w, items, now)
	}
}

// store stores what is not refused, and answers.
func (o *overHTTP) store(w http.ResponseWriter, items []item, now trouble) {
	o.writing.Lock()
	defer o.writing.Unlock()
	at := time.Now()
	var taken []item
	refused := 0
	for i := range items {
		items[i].status = http.StatusOK
		if isForbidden(items[i].alias) {
			items[i].status = http.StatusBadRequest
			refused++
			continue
		}
		if now == partly && o.flip() {
			items[i].status = http.StatusServiceUnavailable
			continue
		}
		taken = append(taken, items[i])
	}
	vague := refused > 0 && o.of.refusal != ofItself
	if vague && o.of.refusal == ofAll {
		taken = nil
	}
	o.take(at, vague || now == cutAfter, taken...)
	o.came(len(taken) < len(items), now == cutAfter)
	switch {
	case now == cutAfter:
		panic(http.ErrAbortHandler)
	case vague:
		w.WriteHeader(http.StatusBadRequest)
		// Amazon's, InfluxDB's and Logz.io's words; others have none that are read.
		fmt.Fprintf(w, `{"__type":"InvalidArgumentException","message":"made by the harness","error":"partial write: unable to parse",`+
			`"malformedLines":%d,"successfulLines":%d,"oversizedLines":0}`, refused, len(taken))
	default:
		o.of.say(w, items)
	}
}

func (o *overHTTP) flip() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.dice.chance(0.5)
}

func (o *overHTTP) faults() []fault {
	during := func(t trouble, most time.Duration) func(context.Context, *dice) error {
		return func(_ context.Context, d *dice) error {
			o.turn(t)
			time.Sleep(d.between(200*time.Millisecond, most))
			o.turn(none)
			return nil
		}
	}
	faults := []fault{
		{"a destination answers 429", during(busy, 4*time.Second)},
		{"a destination answers 503", during(unavailable, 4*time.Second)},
		{"a destination answers 413 to several records", during(tooLarge, 4*time.Second)},
		{"a destination ends connections before it stores", during(cutBefore, 3*time.Second)},
		{"a destination stores and does not answer", during(cutAfter, 2*time.Second)},
		{"a destination hangs", during(hangs, 8*time.Second)},
	}
	if o.of.partial {
		faults = append(faults, fault{"a destination takes some records of a request", during(partly, 4*time.Second)})
	}
	return faults
}

// uncompressed reads a request's body.
func uncompressed(r *http.Request) ([]byte, error) {
	var reader io.Reader = r.Body
	var err error
	switch r.Header.Get("Content-Encoding") {
	case "gzip":
		reader, err = gzip.NewReader(r.Body)
	case "deflated": // as Resurface names it
		reader, err = zlib.NewReader(r.Body)
	}
	if err != nil {
		return nil, err
	}
	return io.ReadAll(reader)
}
