package tyksqlexporter

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"
)

// dropPatience is for how many seconds dropping a table waits for those who read it.
// Whoever comes meanwhile waits too, so it gives up soon, and tries again later.
const dropPatience = 1

// oldShards are those of the relations that hold a day of one of the tables and are
// older than a number of days: of which nothing is that new any more.
func (c calendar) oldShards(tables []table, relations []string, now time.Time, days int) []shard {
	oldest := c.day(now.AddDate(0, 0, -days))
	var old []shard
	for _, t := range tables {
		for _, relation := range relations {
			day, found := strings.CutPrefix(relation, t.name+"_")
			if !found || !dayForm.MatchString(day) || day >= oldest {
				continue
			}
			if _, err := time.Parse("20060102", day); err == nil {
				old = append(old, shard{table: t, day: day})
			}
		}
	}
	slices.SortFunc(old, func(x, y shard) int { return strings.Compare(x.day, y.day) })
	return old
}

var dayForm = regexp.MustCompile(`^\d{8}$`)

// dropNow drops the tables of days that are too old.
func (e *sqlExporter) dropNow(ctx context.Context) {
	attempt, cancel := e.attempt(ctx)
	defer cancel()
	dropped, err := e.store.drop(attempt, time.Now(), e.config.RetentionDays)
	for _, name := range dropped {
		e.logger.Info("dropped a table, because it is older than retention_days", zap.String("table", name))
	}
	e.telemetry.droppedTables(ctx, len(dropped))
	if err != nil && ctx.Err() == nil {
		e.logger.Warn("dropping old tables failed; trying again later", zap.Error(err))
	}
}
