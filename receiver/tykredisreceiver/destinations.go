package tykredisreceiver

import (
	"fmt"
	"slices"
	"strings"

	"go.uber.org/zap"
)

// member is a live process of a group, as it describes itself with its heartbeat.
type member struct {
	group, worker, destinations string
}

// rivals are the members of the receiver's group that deliver elsewhere: each record reaches
// only the destinations of one of them. During a change of the configuration there may be some.
type rivals struct {
	self   member
	health *health
	logger *zap.Logger

	found string // when last looked at
}

// note looks at the members that were read with a heartbeat; what is new is said once.
func (r *rivals) note(members []member) {
	var others []string
	for _, m := range members {
		if m.group == r.self.group && m.destinations != r.self.destinations && m.destinations != "" && r.self.destinations != "" {
			others = append(others, m.worker+" to "+m.destinations)
		}
	}
	slices.Sort(others)
	found := strings.Join(slices.Compact(others), "; ")
	if found == r.found {
		return
	}
	r.found = found
	if found == "" {
		r.health.warn(nil)
		r.logger.Info("All processes of the group deliver to the same destinations again", zap.String("group", r.self.group))
		return
	}
	r.health.warn(fmt.Errorf("group %q: this process delivers to %s, but %s: each record reaches one of them only: "+
		"give each set of destinations a group of its own, or set destinations to the same words where they are the same",
		r.self.group, r.self.destinations, found))
}
