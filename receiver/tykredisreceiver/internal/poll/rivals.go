package poll

import (
	"fmt"
	"slices"
	"strings"

	"go.uber.org/zap"

	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/health"
)

// rivals finds the members of a receiver's group that deliver elsewhere: each record reaches
// only the destinations of one of them. While a configuration is replaced there may be some.
type rivals struct {
	health *health.Health
	logger *zap.Logger

	found string // when last looked at
}

// note looks at the live members that read the same kinds of lists; what is new is said once.
func (r *rivals) note(self claim.Member, members []claim.Member) {
	var others []string
	for _, m := range members {
		if self.DeliversElsewhere(m) {
			others = append(others, m.Worker+" to "+m.Destinations)
		}
	}
	slices.Sort(others)
	found := strings.Join(slices.Compact(others), ", ")
	if found == r.found {
		return
	}
	r.found = found
	if found == "" {
		r.health.Warn(nil)
		r.logger.Info("All processes of the group deliver to the same destinations again", zap.String("group", self.Group))
		return
	}
	r.health.Warn(fmt.Errorf("group %q: this process delivers to %s, but %s: each record reaches one of them only: "+
		"give each set of destinations a group of its own, or set destinations to the same words where they are the same",
		self.Group, self.Destinations, found))
}
