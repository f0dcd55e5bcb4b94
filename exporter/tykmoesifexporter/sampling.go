package tykmoesifexporter

import (
	"context"
	"encoding/json"
	"math"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cespare/xxhash/v2"
	"go.uber.org/zap"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// percent is a whole, as rates have it.
const percent = 100

// rates say how many percent of events Moesif wants.
type rates struct {
	all       float64
	users     map[string]float64
	companies map[string]float64
}

// everything is wanted where nothing else is known.
var everything = &rates{all: percent}

// parseRates reads the application's settings; what is no rate is passed over.
func parseRates(settings []byte) (*rates, error) {
	var read struct {
		All       any            `json:"sample_rate"`
		Users     map[string]any `json:"user_sample_rate"`
		Companies map[string]any `json:"company_sample_rate"`
	}
	if err := json.Unmarshal(settings, &read); err != nil {
		return nil, err
	}
	r := &rates{all: percent, users: map[string]float64{}, companies: map[string]float64{}}
	if rate, ok := read.All.(float64); ok {
		r.all = rate
	}
	for id, value := range read.Users {
		if rate, ok := value.(float64); ok {
			r.users[id] = rate
		}
	}
	for id, value := range read.Companies {
		if rate, ok := value.(float64); ok {
			r.companies[id] = rate
		}
	}
	return r, nil
}

// of is the rate of a user, else of a company, else of all.
func (r *rates) of(user, company string) float64 {
	if rate, found := r.users[user]; found && user != "" {
		return rate
	}
	if rate, found := r.companies[company]; found && company != "" {
		return rate
	}
	return r.all
}

// sample tells whether a record is sent, the same whenever it is asked, and for how many it stands.
func (r *rates) sample(record *analytics.Record, uid, user, company string) (weight int64, taken bool) {
	rate := r.of(user, company)
	if rate >= percent {
		return 1, true
	}
	if uid == "" {
		uid = record.TimeStamp.String() + record.APIKey + record.Path
	}
	const parts = 10_000 // of all records
	place := xxhash.Sum64([]byte(uid)) % parts
	if float64(place) >= rate*parts/percent {
		return 0, false
	}
	return int64(math.Round(percent / rate)), true
}

// sampler has the newest rates.
type sampler struct {
	// fetch asks Moesif for them.
	fetch func(ctx context.Context) (settings []byte, etag string, err error)
	// pause is the least time between two questions.
	pause  time.Duration
	logger *zap.Logger

	rates   atomic.Pointer[rates]
	asked   chan struct{} // closed once the first question has its answer
	changed chan string   // etags that answers have
	end     context.CancelFunc
	ended   sync.WaitGroup
}

// newSampler makes one that wants everything until it is started.
func newSampler() *sampler {
	s := &sampler{pause: time.Minute, asked: make(chan struct{}), changed: make(chan string, 1), end: func() {}}
	s.rates.Store(everything)
	return s
}

// start begins to ask in the background.
func (s *sampler) start(logger *zap.Logger) {
	ctx, end := context.WithCancel(context.Background())
	s.logger, s.end = logger, end
	s.ended.Go(func() { s.run(ctx) })
}

// stop ends it.
func (s *sampler) stop() {
	s.end()
	s.ended.Wait()
}

// saw takes the etag of an answer.
func (s *sampler) saw(etag string) {
	if etag == "" {
		return
	}
	select {
	case s.changed <- etag:
	default: // the next answer has it again
	}
}

// wait waits for the answer to the first question, so that the first events are sampled, too.
func (s *sampler) wait(ctx context.Context) {
	select {
	case <-s.asked:
	case <-ctx.Done():
	}
}

// run asks at the start, and again where that failed, or where answers show that the settings have changed.
func (s *sampler) run(ctx context.Context) {
	known, err := s.ask(ctx)
	close(s.asked)
	for {
		seen := known
		for err == nil && seen == known {
			select {
			case seen = <-s.changed:
			case <-ctx.Done():
				return
			}
		}
		select {
		case <-time.After(s.pause):
		case <-ctx.Done():
			return
		}
		if known, err = s.ask(ctx); known == "" { // the settings came without one
			known = seen
		}
	}
}

// ask asks once, and remembers the rates.
func (s *sampler) ask(ctx context.Context) (etag string, err error) {
	settings, etag, err := s.fetch(ctx)
	var found *rates
	if err == nil {
		found, err = parseRates(settings)
	}
	if err != nil {
		if ctx.Err() == nil {
			s.logger.Warn("Moesif's sampling rates are not known; the last ones, or all events, count until they are", zap.Error(err))
		}
		return "", err
	}
	if found.all != percent || len(found.users)+len(found.companies) > 0 {
		s.logger.Info("Moesif wants a part of the events", zap.String("percent", strconv.FormatFloat(found.all, 'g', -1, 64)),
			zap.Int("rates of users", len(found.users)), zap.Int("rates of companies", len(found.companies)))
	}
	s.rates.Store(found)
	return etag, nil
}
