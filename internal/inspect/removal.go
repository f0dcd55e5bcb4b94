package inspect

import (
	"context"
	"slices"
)

// GroupSurvey is what groups there are.
type GroupSurvey struct {
	Groups     []Group
	Unreadable Unreadable
}

// GroupsIn surveys the groups that read some lists, with what each alone keeps.
func (r *Redis) GroupsIn(ctx context.Context, wanted []List) (*GroupSurvey, error) {
	all, skipped, err := r.Survey(ctx, wanted)
	if err != nil {
		return nil, err
	}
	return &GroupSurvey{Groups(all, nil, r.weigh(ctx, all)), skipped}, nil
}

// Forget takes a group out of one list after the other, and returns of how many; with everywhere also out of
// the registries, so that no list that is new from here on waits for it.
func (r *Redis) Forget(ctx context.Context, in *GroupSurvey, group string, wanted []List, everywhere bool) (int64, error) {
	if everywhere {
		for _, registry := range r.Registries(r.Lists()) {
			if err := r.Store.Registry(registry).Forget(ctx, group); err != nil {
				return 0, err
			}
		}
	}
	removed := int64(0)
	for _, l := range wanted {
		if slices.ContainsFunc(in.Unreadable, func(u Unread) bool { return u.Source == l.Key }) {
			continue
		}
		ok, err := r.Store.Forget(ctx, l.Source(""), group)
		if err != nil {
			return removed, err
		}
		if ok {
			removed++
		}
	}
	return removed, nil
}
