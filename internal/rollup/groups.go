package rollup

import (
	"cmp"
	"slices"
	"strings"
)

// groups closes the drafts, in an order that does not depend on maps.
func (b *aggregation) groups() []Group {
	groups := make([]Group, 0, len(b.drafts))
	ordered := make([]*draft, 0, len(b.drafts))
	for _, l := range b.drafts {
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
		groups = append(groups, b.close(l))
	}
	return groups
}

// close makes a group of a draft.
func (b *aggregation) close(l *draft) Group {
	g := Group{
		Family: l.family, Settings: b.fingerprint, Org: b.own(l.org), API: b.own(l.api), Bucket: l.start, Minutes: b.settings.Minutes,
		Segment: b.own(l.segment), Records: l.records, ExpireAt: l.expireAt, GivenUp: l.givenUp,
		Rollups: make([]Rollup, 0, l.size+1),
	}
	l.total.text = "total"
	b.append(&g, &l.total)
	b.encode(l)
	for _, list := range l.opened {
		b.ordered = b.ordered[:0]
		for a := list; a != nil; a = a.next {
			b.ordered = append(b.ordered, a)
		}
		slices.SortFunc(b.ordered, func(x, y *counter) int {
			return cmp.Or(strings.Compare(x.owner, y.owner), strings.Compare(x.text, y.text))
		})
		for _, a := range b.ordered {
			b.append(&g, a)
		}
	}
	if b.budget.alert(l.budgetKey(Tags)) {
		b.tally.Alerts = append(b.tally.Alerts, TagAlert{Org: l.org, Bucket: l.start, Prefixes: commonPrefixes(g.tags())})
	}
	return g
}

// encode encodes the keys of a draft into one text, of which each has a part.
func (b *aggregation) encode(l *draft) {
	b.encoded, b.ends = b.encoded[:0], b.ends[:0]
	for _, list := range l.opened {
		for a := list; a != nil; a = a.next {
			a.owner, a.text, b.encoded = a.key.encode(b.encoded)
			b.ends = append(b.ends, len(b.encoded))
		}
	}
	encoded, from, i := string(b.encoded), 0, 0
	for _, list := range l.opened {
		for a := list; a != nil; a = a.next {
			if to := b.ends[i]; from < to {
				a.text, from = encoded[from:to], to
			} else {
				a.text = b.own(a.text)
			}
			i++
		}
	}
}

// own gives a text in memory of its own, each once, where log records are not to be kept by theirs.
func (b *aggregation) own(text string) string {
	if b.texts == nil || text == "" {
		return text
	}
	mine, ok := b.texts[text]
	if !ok {
		mine = strings.Clone(text)
		b.texts[mine] = mine
	}
	return mine
}

// like is own of a text that is mostly the same as another one, which is own already.
func (b *aggregation) like(text, other string) string {
	if text == other {
		return other
	}
	return b.own(text)
}

// append adds a counter's rollup behind those that are less. It adds up those whose
// values are the same once encoded, as those of "a:b" and "c" and of "a" and "b:c" are.
func (b *aggregation) append(g *Group, a *counter) {
	r := Rollup{Dimension: a.key.dimension, Owner: b.own(a.owner), Value: a.text, Counter: a.result()}
	if b.texts != nil {
		r.Counter.Identifier = b.like(r.Counter.Identifier, r.Value)
		r.Counter.HumanIdentifier = b.like(r.Counter.HumanIdentifier, r.Counter.Identifier)
	}
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
