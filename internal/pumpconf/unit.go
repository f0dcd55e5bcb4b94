package pumpconf

import (
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/settings"
	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/tree"
)

// component is one part of the configuration.
type component struct {
	kind   string // its type, such as tyksql
	name   string // where several units share it, else it has the unit's
	config *tree.Map
	note   string
}

// destination is what can be away by itself.
type destination struct {
	family string
	// identity tells destinations apart. group is what the group's name has of it: the same, or a part,
	// with dots in the place of blanks and slashes.
	identity, group string
	// same is the identity as it is compared, where the same servers can be written in several ways; the
	// identity itself stays as it is written, since groups have names of it.
	same string
	// key is the exporter's that names the servers, and servers is its value as it is compared.
	key     string
	servers any
	// label says in words what it is.
	label string
}

// unit is what one pump, or several that share an exporter, become: a pipeline.
type unit struct {
	name    string
	pumps   []string
	place   string
	to      destination
	group   string // that of x_otelcol_tyk, or empty
	metrics *tree.Map
	filter  *tree.Map
	rollups *tree.Map
	after   []component
	// extensions are those that the exporter names.
	extensions []component
	store      component
	// parts are tables or collections of the exporter, below partsKey; exporters that differ
	// in nothing else become one.
	partsKey string
	parts    *tree.Map
}

// newUnit begins the unit of a pump.
func newUnit(p *settings.Pump, to destination, exporter string) *unit {
	return &unit{
		name: componentName(p.Name), pumps: []string{p.Name}, place: "pumps." + p.Name, to: to, group: p.Own.Text("group"),
		store: component{kind: exporter, config: tree.New(), note: "<- pumps." + p.Name},
	}
}

// same tells whether two units differ in nothing but their parts.
func (u *unit) same(o *unit) bool {
	if u.to.compared() != o.to.compared() || u.group != o.group || u.store.kind != o.store.kind || u.partsKey != o.partsKey || len(u.after) != len(o.after) {
		return false
	}
	for i := range u.after {
		if u.after[i].kind != o.after[i].kind || !tree.Same(u.after[i].config, o.after[i].config) {
			return false
		}
	}
	return tree.Same(u.comparedConfig(), o.comparedConfig()) && tree.Same(u.filter, o.filter) && tree.Same(u.rollups, o.rollups) && tree.Same(u.metrics, o.metrics)
}

// comparedConfig is the exporter's configuration with its servers as they are compared.
func (u *unit) comparedConfig() *tree.Map {
	if u.to.key == "" {
		return u.store.config
	}
	return u.store.config.Clone().Set(u.to.key, u.to.servers)
}

// compared is the identity that tells destinations apart.
func (to destination) compared() string { return orDefault(to.same, to.identity) }

// sameHosts are servers in small letters, sorted and without the port that clients take anyway.
func sameHosts(hosts []string, port string) string {
	plain := make([]string, len(hosts))
	for i, host := range hosts {
		plain[i] = strings.TrimSuffix(strings.ToLower(host), ":"+port)
	}
	slices.Sort(plain)
	return strings.Join(slices.Compact(plain), ",")
}

// clashes tells whether two units give one part different settings.
func (u *unit) clashes(o *unit) bool {
	for _, key := range o.parts.Keys() {
		mine, _ := u.parts.Get(key).(*tree.Map)
		theirs, _ := o.parts.Get(key).(*tree.Map)
		if mine != nil && !tree.Same(mine, theirs) {
			return true
		}
	}
	return false
}

// componentName makes a pump's name one of a component.
func componentName(name string) string {
	made := strings.Map(func(r rune) rune {
		if r == '/' || unicode.In(r, unicode.Z, unicode.C, unicode.S) || r == unicode.ReplacementChar {
			return '-'
		}
		return unicode.ToLower(r)
	}, name)
	if made == "" {
		return "pump"
	}
	return made
}

var (
	noGroup = regexp.MustCompile(`[^A-Za-z0-9_.-]`)
	// portInGroup is what a port looks like in a group's name.
	portInGroup = regexp.MustCompile(`_\d+(?:\.|$)`)
)

// groupName is the name of a destination's group. It follows from the destination alone: under
// another name the group would begin anew. Where it does not tell all of the destination, letters
// that stand for all of it come last, so that no two have one name.
func groupName(to destination) string {
	const longest, kept = 64, 55
	name := "pump-" + noGroup.ReplaceAllString(to.group, "_")
	if len(name) <= longest && to.groupTellsAll() {
		return name
	}
	return name[:min(kept, len(name))] + "-" + digest(to.identity)
}

// groupTellsAll tells whether the destination can be read back from its part of the group's name, in
// which nothing but the colon before a port is replaced.
func (to destination) groupTellsAll() bool {
	if strings.NewReplacer(" ", ".", "/", ".").Replace(to.identity) != to.group {
		return false
	}
	colon, port := strings.IndexByte(to.group, ':'), -1
	if found := portInGroup.FindStringIndex(noGroup.ReplaceAllString(to.group, "_")); found != nil {
		port = found[0]
	}
	return colon == port && !noGroup.MatchString(strings.Replace(to.group, ":", "", 1))
}

// digest is eight letters that stand for a text.
func digest(text string) string {
	const letters = 8
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])[:letters]
}

// wayOut is the argument that starts without a pump.
func wayOut(file, pump string) string {
	return "--config 'tykpump:" + file + "?skip=" + url.QueryEscape(strings.ToLower(pump)) + "'"
}
