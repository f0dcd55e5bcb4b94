package traffic

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// Settings choose the traffic. Start from DefaultSettings.
type Settings struct {
	// Seed makes the traffic; the same seed and times give the same records.
	Seed uint64
	// Organisations own the APIs in turn; from 1 to APIs.
	Organisations int
	// APIs is the number of APIs, from 1. The first twelve are all different.
	APIs int
	// PathVariants is how many concrete paths stand behind an endpoint whose path varies.
	PathVariants int
	// Consumers is how many keys each API has that is not open to all.
	Consumers int
	// Lean leaves out what makes records big, tags, places and user agents, as a
	// gateway without GeoIP data records calls of plain clients. Records that are not
	// detailed have some 300 bytes of protobuf then.
	Lean bool
	// DetailedShare is the share of records, from 0 to 1, that carry the request
	// and the response. GraphQL records always do, as in a gateway.
	DetailedShare float64
	// BodyBytes is the size of the bodies in those.
	BodyBytes int
	// OmitMCP leaves out the MCP API, whose records have stores of their own: the
	// table of request records does not take them.
	OmitMCP bool
	// Marker, where not empty, is put at the end of each record's user agent as
	// " run/<marker>/<n>" with n counting from 1, to find a run's records again
	// and to tell them apart.
	Marker string
	// Location is the gateway's time zone (Day, Month, Year and Hour are in it).
	Location *time.Location
}

// DefaultSettings are twelve APIs of three organisations, without detailed recording.
func DefaultSettings() Settings {
	return Settings{Seed: 1, Organisations: 3, APIs: 12, PathVariants: 40, Consumers: 40, BodyBytes: 512, Location: time.UTC}
}

// Validate names every setting out of range.
func (s *Settings) Validate() error {
	var errs []error
	if s.APIs < 1 {
		errs = append(errs, fmt.Errorf("number of APIs is %d: it must be at least 1", s.APIs))
	}
	if s.Organisations < 1 || s.Organisations > max(s.APIs, 1) {
		errs = append(errs, fmt.Errorf("number of organisations is %d: it must be from 1 to the number of APIs, %d", s.Organisations, s.APIs))
	}
	if s.PathVariants < 1 {
		errs = append(errs, fmt.Errorf("number of paths behind an endpoint is %d: it must be at least 1", s.PathVariants))
	}
	if s.Consumers < 1 {
		errs = append(errs, fmt.Errorf("number of keys of an API is %d: it must be at least 1", s.Consumers))
	}
	if !(s.DetailedShare >= 0 && s.DetailedShare <= 1) { // also refuses NaN
		errs = append(errs, fmt.Errorf("share of detailed records is %v: it must be from 0 to 1", s.DetailedShare))
	}
	if s.BodyBytes < 0 {
		errs = append(errs, fmt.Errorf("size of bodies is %d bytes: it must not be negative", s.BodyBytes))
	}
	return errors.Join(errs...)
}

// Generator makes records. It is for one goroutine.
type Generator struct {
	settings Settings
	random   *rand.Rand
	apis     []*api
	nextAPI  picker
	clients  []client
	made     uint64

	record analytics.Record // the last one made
	tags   []string         // its tags
	text   []byte           // for building strings
	wire   wireBuffers
}

// New makes a generator.
func New(s Settings) (*Generator, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	if s.Location == nil {
		s.Location = time.UTC
	}
	g := &Generator{settings: s, random: rand.New(rand.NewPCG(s.Seed, 0x74796b))}
	g.apis, g.nextAPI = build(s)
	g.clients = clients(worldClients, g.random)
	return g, nil
}

// Next makes the record of a request that ended at the given time. The record
// and its tags are the generator's and change at the next call; its strings and
// maps stay as they are and are not to be changed.
func (g *Generator) Next(at time.Time) *analytics.Record {
	g.made++
	a := g.apis[g.nextAPI.pick(g.random)]
	c := &a.calls[a.nextCall.pick(g.random)]
	o := a.outcome(g.random)
	who := g.caller(a, o)
	from := &g.clients[g.random.Uint64()%uint64(len(g.clients))]

	at = at.UTC()
	local := at.In(g.settings.Location)
	year, month, day := local.Date()
	r := &g.record
	*r = analytics.Record{
		Method: c.method, Host: a.host, UserAgent: from.userAgent,
		Day: int64(day), Month: int64(month), Year: int64(year), Hour: int64(local.Hour()),
		ResponseCode: o.code, APIKey: who.key, TimeStamp: at, APIVersion: a.version(g.random, o),
		APIName: a.title, APIID: a.id, OrgID: a.org, OauthID: who.oauthID,
		IPAddress: from.ip, Geo: *from.geo, Alias: who.alias, ExpireAt: a.expiry(at),
		OriginalPath: c.original, ListenPath: a.listen,
	}
	if o.code == 0 {
		r.ResponseCode = c.code
	}
	if c.body > 0 {
		r.ContentLength = c.body/4 + g.random.Int64N(c.body*3/4)
	}
	cached := o.code == 0 && a.cached > 0 && g.random.Float64() < a.cached
	g.setPaths(c, o)
	g.setLatency(a, c, o, cached)
	g.setTags(a, who, o, cached)
	if g.settings.Lean {
		r.UserAgent, r.Geo, r.Tags = "", analytics.Geo{}, nil
	}
	switch a.kind {
	case graph:
		g.setGraph(o)
	case mcp:
		g.setMCP(o)
	case rest:
	}
	if a.kind == graph || g.detailed() {
		g.setRaw(who, o)
	}
	if g.settings.Marker != "" {
		g.mark()
	}
	return r
}

// outcome draws how a request ends; code 0 stands for the endpoint's own answer.
func (a *api) outcome(r *rand.Rand) outcome {
	if a.flaky {
		switch {
		case a.spell > 0:
			a.spell--
			if r.Uint64()&3 != 0 {
				return outcome{code: 503, by: upstream}
			}
		case r.Uint64()&511 == 0:
			a.spell = 20 + int(r.Uint64()&127)
		}
	}
	if n := a.nextOutcome.pick(r); n > 0 {
		return a.errors[n-1]
	}
	return outcome{by: upstream}
}

func (g *Generator) caller(a *api, o outcome) *consumer {
	if o.by == unknown {
		return &a.anonymous
	}
	return &a.consumers[a.nextConsumer.pick(g.random)]
}

func (a *api) version(r *rand.Rand, o outcome) string {
	switch {
	case len(a.versions) == 0:
		return "Non Versioned"
	case o.by == refused: // whatever the client asked for
		return "v0"
	default:
		return a.versions[r.Uint64()%uint64(len(a.versions))]
	}
}

// expiry is 100 years ahead where the API sets none, as the gateway has it.
func (a *api) expiry(at time.Time) time.Time {
	if a.expire == 0 {
		return at.AddDate(100, 0, 0)
	}
	return at.Add(time.Duration(a.expire) * time.Second)
}

// setPaths joins the upstream's path only where the request was proxied.
func (g *Generator) setPaths(c *call, o outcome) {
	g.record.RawPath = c.stripped
	if o.by == upstream {
		g.record.RawPath = c.joined
	}
	g.record.Path = g.record.RawPath
	if c.tracked {
		g.record.Path, g.record.TrackPath = c.template, true
	}
}

func (g *Generator) setLatency(a *api, c *call, o outcome, cached bool) {
	l := &g.record.Latency
	l.Gateway = int64(g.random.Uint64() & 3 >> (g.random.Uint64() & 1))
	switch {
	case o.by == failed:
		l.Gateway += int64(o.latency)
	case o.by == upstream && !cached:
		slower := c.slower
		if slower == 0 {
			slower = 1
		}
		l.Upstream = int64(a.median * slower * math.Exp(a.spread*g.random.NormFloat64()))
	}
	l.Total = l.Upstream + l.Gateway
	g.record.RequestTime = l.Total
}

// setTags keeps the gateway's order: session, header, API, cache, trace, identity.
func (g *Generator) setTags(a *api, who *consumer, o outcome, cached bool) {
	tags := append(g.tags[:0], who.session...)
	if len(a.headers) > 0 {
		tags = append(tags, a.headers[g.random.Uint64()%uint64(len(a.headers))])
	}
	tags = append(tags, a.tags...)
	if cached {
		tags = append(tags, "cached-response")
	}
	if a.traced && o.by == upstream {
		tags = append(tags, g.traceTag())
	}
	g.tags = append(tags, who.identity...)
	g.record.Tags = g.tags
}

func (g *Generator) traceTag() string {
	const digits = "0123456789abcdef"
	tag := [9 + 32]byte{0: 't', 'r', 'a', 'c', 'e', '-', 'i', 'd', '-'}
	hi, lo := g.random.Uint64(), g.random.Uint64()|1 // a trace id is never zero
	for i := range 16 {
		tag[9+i] = digits[hi>>(60-4*i)&15]
		tag[25+i] = digits[lo>>(60-4*i)&15]
	}
	return string(tag[:])
}

func (g *Generator) detailed() bool {
	return g.settings.DetailedShare > 0 && g.random.Float64() < g.settings.DetailedShare
}

func (g *Generator) mark() {
	b := append(g.text[:0], g.record.UserAgent...)
	b = append(b, " run/"...)
	b = append(b, g.settings.Marker...)
	b = append(b, '/')
	b = strconv.AppendUint(b, g.made, 10)
	g.record.UserAgent, g.text = string(b), b
}
