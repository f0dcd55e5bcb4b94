package rollup

import (
	"cmp"
	"slices"
	"strings"
)

// groups closes the drafts, in an order that does not depend on maps.
func (ag *aggregation) groups() []Group {
	groups := make([]Group, 0, len(ag.drafts))
	ordered := make([]*draft, 0, len(ag.drafts))
	for _, l := range ag.drafts {
		ordered = append(ordered, l)
	}
	slices.SortFunc(ordered, func(x, y *draft) int {
		return cmp.Or(cmp.Compare(x.family, y.family), strings.Compare(x.org, y.org), strings.Compare(x.api, y.api),
			cmp.Compare(x.bucket, y.bucket), strings.Compare(x.segment, y.segment), cmp.Compare(x.part, y.part))
	})
	for _, l := range ordered {
		if l.records.Len() == 0 && l.segment != "" {
			continue // only what was in the chunk twice
		}
		groups = append(groups, ag.close(l))
	}
	return groups
}

// close makes a group of a draft.
func (ag *aggregation) close(l *draft) Group {
	g := Group{
		Family: l.family, Settings: ag.fingerprint, Org: l.org, API: l.api, Bucket: l.start, Minutes: ag.settings.Minutes,
		Segment: l.segment, Records: l.records, ExpireAt: l.expireAt,
		Rollups: make([]Rollup, 0, l.size+1),
	}
	l.total.text = "total"
	g.append(&l.total)
	ag.encode(l)
	for _, list := range l.opened {
		ag.ordered = ag.ordered[:0]
		for a := list; a != nil; a = a.next {
			ag.ordered = append(ag.ordered, a)
		}
		slices.SortFunc(ag.ordered, func(x, y *counter) int {
			return cmp.Or(strings.Compare(x.owner, y.owner), strings.Compare(x.text, y.text))
		})
		for _, a := range ag.ordered {
			g.append(a)
		}
	}
	if ag.budget.alert(l.budgetKey(Tags)) {
		ag.tally.Alerts = append(ag.tally.Alerts, TagAlert{Org: l.org, Bucket: l.start, Prefixes: commonPrefixes(g.tags())})
	}
	return g
}

// encode encodes the keys of a draft into one text, of which each has a part.
func (ag *aggregation) encode(l *draft) {
	ag.encoded, ag.ends = ag.encoded[:0], ag.ends[:0]
	for _, list := range l.opened {
		for a := list; a != nil; a = a.next {
			a.owner, a.text, ag.encoded = a.key.encode(ag.encoded)
			ag.ends = append(ag.ends, len(ag.encoded))
		}
	}
	encoded, from, i := string(ag.encoded), 0, 0
	for _, list := range l.opened {
		for a := list; a != nil; a = a.next {
			if to := ag.ends[i]; from < to {
				a.text, from = encoded[from:to], to
			}
			i++
		}
	}
}

// append adds a counter's rollup behind those that are less. It adds up those whose
// values are the same once encoded, as those of "a:b" and "c" and of "a" and "b:c" are.
func (g *Group) append(a *counter) {
	r := Rollup{Dimension: a.key.dimension, Owner: a.owner, Value: a.text, Counter: a.result()}
	if n := len(g.Rollups); n > 0 {
		if last := &g.Rollups[n-1]; last.Dimension == r.Dimension && last.Owner == r.Owner && last.Value == r.Value {
			last.Counter.Add(&r.Counter, r.Dimension)
			return
		}
	}
	g.Rollups = append(g.Rollups, r)
}

// tags gives the values of the tags.
func (g *Group) tags() []string {
	var tags []string
	for i := range g.Rollups {
		if g.Rollups[i].Dimension == Tags {
			tags = append(tags, g.Rollups[i].Value)
		}
	}
	return tags
}
