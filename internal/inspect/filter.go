package inspect

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
)

// Filter chooses dead letters; all that is given must be true of one.
type Filter struct {
	// Source is a list, Group who gave up, Destination who refused. Reason is undecodable, refused, or a text
	// within the reason. UID is the record's identity.
	Source, Group, Destination, Reason, UID string
	// UIDs are several identities; any where there are none.
	UIDs map[string]bool
	// Since and Until are when it was given up; the latter is not part of it.
	Since, Until time.Time
	// Limit is how many letters are chosen, the oldest of each list first; 0 for all.
	Limit int
}

// Empty is true where nothing is chosen.
func (o *Filter) Empty() bool {
	return o.Source == "" && o.Group == "" && o.Destination == "" && o.Reason == "" && o.UID == "" && o.UIDs == nil && o.Since.IsZero() && o.Until.IsZero()
}

// The classes of reasons, which begin them.
const (
	undecodable = "undecodable"
	refused     = "refused"
)

// Matches tells whether the filter chooses a letter, but for its group and identity.
func (o *Filter) Matches(l claim.Letter) bool {
	if o.Destination != "" && o.Destination != l.Destination {
		return false
	}
	switch reason := ReasonOf(l); o.Reason {
	case "":
	case undecodable, refused:
		if !strings.HasPrefix(reason, o.Reason+":") {
			return false
		}
	default:
		if !strings.Contains(strings.ToLower(reason), strings.ToLower(o.Reason)) && !strings.Contains(Alike(reason), o.Reason) {
			return false
		}
	}
	return (o.Since.IsZero() || !l.At.Before(o.Since)) && (o.Until.IsZero() || l.At.Before(o.Until))
}

// Walk calls visit with the letters chosen, some of one list at a time. more is
// true where Limit left some out. A list that cannot be worked with keeps no other from being visited.
func (r *Redis) Walk(ctx context.Context, o *Filter, wanted []List, visit func(List, []claim.Letter) error) (more bool, err error) {
	taken := 0
	var skipped Unreadable
	pick := func(group, uid string) bool {
		return (o.Group == "" || group == o.Group) && (o.UID == "" || uid == o.UID) && (o.UIDs == nil || o.UIDs[uid])
	}
	for _, l := range wanted {
		err := r.Store.LetterPages(ctx, l.Source(""), pick, func(page []claim.Letter) error {
			var chosen []claim.Letter
			enough := false
			for _, letter := range page {
				if !o.Matches(letter) {
					continue
				}
				if o.Limit > 0 && taken == o.Limit {
					enough = true
					break
				}
				taken++
				chosen = append(chosen, letter)
			}
			if len(chosen) > 0 {
				if err := visit(l, chosen); err != nil {
					return err
				}
			}
			if enough {
				return errEnough
			}
			return nil
		})
		if errors.Is(err, errEnough) {
			return true, skipped.Err()
		}
		if err == nil {
			continue
		}
		if err := skipped.add(ctx, r, Place{Source: l.Key}, err); err != nil {
			return false, r.explain(err)
		}
	}
	return false, skipped.Err()
}
