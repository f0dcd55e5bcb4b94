package traffic

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// worldClients is how many client addresses stand behind everything.
const worldClients = 760

// anonymousKey is what a gateway that hashes keys records where there is none.
const anonymousKey = "00000000"

// api is a blueprint made concrete: an API of one organisation with its callers.
type api struct {
	*blueprint
	id, org, title, listen string
	traced                 bool // its gateway runs with OpenTelemetry
	calls                  []call
	nextCall               picker
	consumers              []consumer
	nextConsumer           picker
	anonymous              consumer // the caller without a (known) key
	nextOutcome            picker   // 0: the endpoint's own, n: errors[n-1]
	spell                  int      // requests left of a bad spell
}

// call is one concrete request to an endpoint.
type call struct {
	*endpoint
	original string // as the client asked
	stripped string // without the listen path
	joined   string // with the upstream's path in front
	template string // the template as Path, for tracked endpoints
}

// consumer is one caller's identity as the gateway records it.
type consumer struct {
	key, alias, oauthID string
	session             []string // tags of policy, developer and key
	identity            []string // the tags that end every list
	bearer              string   // what the client sends
}

// build makes the APIs; the same numbers give the same identifiers, whatever the seed.
func build(s Settings) ([]*api, picker) {
	list := make([]*api, s.APIs)
	weights := make([]float64, s.APIs)
	kinds := slices.Clone(blueprints)
	if s.OmitMCP {
		kinds = slices.DeleteFunc(kinds, func(bp blueprint) bool { return bp.kind == mcp })
	}
	for i := range list {
		bp := &kinds[i%len(kinds)]
		round := i / len(kinds)
		org := i % s.Organisations
		name := organisationName(org)
		a := &api{
			blueprint: bp,
			id:        bp.slug,
			org:       identifier(24, "organisation", name),
			title:     bp.name,
			listen:    "/" + bp.slug + "/",
			traced:    org == s.Organisations-1,
		}
		if round > 0 {
			a.id = identifier(32, "api", bp.slug, strconv.Itoa(round))
			a.title += fmt.Sprintf(" %d", round+1)
			a.listen = fmt.Sprintf("/%s-%d/", bp.slug, round+1)
		}
		weights[i] = bp.weight / float64(round+1)
		a.addCalls(s.PathVariants)
		a.addConsumers(name, s.Consumers)
		a.addOutcomes()
		list[i] = a
	}
	return list, newPicker(weights)
}

func organisationName(n int) string {
	name := organisations[n%len(organisations)]
	if round := n / len(organisations); round > 0 {
		name += strconv.Itoa(round + 1)
	}
	return name
}

// addCalls makes so many of each endpoint whose path varies.
func (a *api) addCalls(variants int) {
	var weights []float64
	for i := range a.endpoints {
		e := &a.endpoints[i]
		shares := []float64{1}
		if strings.Contains(e.path, "{") {
			shares = zipf(variants, 1.1)
		}
		for n, share := range shares {
			path := concrete(e.path, n)
			c := call{endpoint: e, stripped: path, joined: a.upstream + path, original: strings.TrimSuffix(a.listen, "/") + path}
			if e.tracked {
				c.template = e.path
			}
			if a.kind != rest { // one endpoint, at the listen path itself
				c.original = a.listen
			}
			a.calls = append(a.calls, c)
			weights = append(weights, e.weight*share/sum(shares))
		}
	}
	a.nextCall = newPicker(weights)
}

// concrete fills a template's holes for the n-th variant.
func concrete(path string, n int) string {
	words := []string{"daily", "shoes", "weekly", "lamps", "stock", "blue", "taxes", "coffee", "müsli", "returns"}
	word := words[n%len(words)]
	if round := n / len(words); round > 0 {
		word += fmt.Sprintf("-%d", round+1)
	}
	h := identifier(32, path, strconv.Itoa(n))
	uuid := h[:8] + "-" + h[8:12] + "-4" + h[13:16] + "-8" + h[17:20] + "-" + h[20:32]
	return strings.NewReplacer(
		"{id}", strconv.Itoa(100000+n*37),
		"{code}", h[:8],
		"{uuid}", uuid,
		"{word}", word,
	).Replace(path)
}

func (a *api) addConsumers(org string, count int) {
	a.anonymous = a.consumer(anonymousKey, nil)
	if a.auth == keyless {
		a.consumers = []consumer{a.anonymous}
		a.nextConsumer = newPicker([]float64{1})
		return
	}
	people := []string{"mobile app", "web shop", "back office", "nightly batch", "partner portal", "Zoë's Bäckerei", "warehouse", "data team"}
	plans := []string{"gold", "silver", "free"}
	for n := range count {
		var tags []string
		if n%4 == 1 || n%4 == 2 {
			tags = append(tags, "pol-"+plans[n%len(plans)]+"-plan", "dev-"+identifier(24, "developer", org, strconv.Itoa(n)))
		}
		if n%3 == 0 {
			tags = append(tags, "tier-"+plans[n%len(plans)])
		}
		c := a.consumer(identifier(16, "key", a.id, strconv.Itoa(n)), tags)
		if n%5 != 4 {
			c.alias = fmt.Sprintf("%s %s", org, people[n%len(people)])
			if round := n / len(people); round > 0 {
				c.alias += fmt.Sprintf(" %d", round+1)
			}
		}
		if a.auth == oauth {
			c.oauthID = identifier(32, "client", a.id, strconv.Itoa(n))
		}
		a.consumers = append(a.consumers, c)
	}
	a.nextConsumer = newPicker(zipf(count, 1.2))
}

func (a *api) consumer(key string, tags []string) consumer {
	identity := []string{"key-" + key, "org-" + a.org, "api-" + a.id}
	if a.kind == graph {
		identity = append([]string{"tyk-graph-analytics"}, identity...)
	}
	return consumer{key: key, session: tags, identity: identity, bearer: "Bearer made-up-token-of-" + key}
}

func (a *api) addOutcomes() {
	weights := []float64{1}
	for _, o := range a.errors {
		weights[0] -= o.weight
		weights = append(weights, o.weight)
	}
	a.nextOutcome = newPicker(weights)
}

// identifier is a stable hexadecimal name of n digits, at most 64.
func identifier(n int, parts ...string) string {
	digest := sha256.Sum256([]byte(strings.Join(parts, "/")))
	return hex.EncodeToString(digest[:])[:n]
}

func sum(list []float64) float64 {
	total := 0.0
	for _, x := range list {
		total += x
	}
	return total
}
