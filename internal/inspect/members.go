package inspect

import (
	"fmt"
	"slices"
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
)

// examineMembers looks for live processes of one group that deliver to different places.
func examineMembers(members []claim.Member) []Finding {
	e := &examiner{}
	told := map[string]bool{}
	for _, m := range members {
		if told[m.Group] || !slices.ContainsFunc(members, m.DeliversElsewhere) {
			continue
		}
		told[m.Group] = true
		var all []string
		for _, of := range members {
			if of.Group == m.Group && of.Destinations != "" {
				all = append(all, fmt.Sprintf("%s to %s", of.Worker, of.Destinations))
			}
		}
		e.find(Trouble, "destinations", Place{}, m.Group, "processes of group %s deliver to different places, and each record reaches one of them only: %s: "+
			"give each set of destinations a group of its own, unless this is a change of the configuration that is under way", m.Group, strings.Join(all, ", "))
	}
	return e.findings
}
