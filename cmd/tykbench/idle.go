package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
	"github.com/otelcol-tyk/otelcol-tyk/internal/traffic"
)

const (
	// idleLists is how many lists gateways have used before nothing comes any more.
	idleLists = 1
	// idleSettled is how long collectors have had nothing to do when measuring begins.
	idleSettled = 5 * time.Second
	// idleCommands is the most commands a second of one process with one group.
	idleCommands = 100
)

// idleJob measures what collectors cost Redis while no gateway pushes anything.
type idleJob struct {
	duration time.Duration
	settings []idleSetting
}

// idleSetting is so many processes, each with so many groups.
type idleSetting struct {
	groups, replicas int
	runs             []idleRun
}

// idleRun is what was found in one run.
type idleRun struct {
	commands, writes float64 // a second
	appended         float64 // bytes of append-only file an hour
	keys             float64
	resident         float64 // MiB of the largest process
}

func idleOf(duration time.Duration) job {
	return &idleJob{duration: duration, settings: []idleSetting{{groups: 1, replicas: 1}, {groups: 2, replicas: 3}}}
}

func (*idleJob) key() string { return "idle" }

func (*idleJob) title() string { return "idle" }

func (s *idleSetting) String() string {
	text := strconv.Itoa(s.groups) + " group"
	if s.groups > 1 {
		text += "s"
	}
	text += ", " + strconv.Itoa(s.replicas) + " replica"
	if s.replicas > 1 {
		text += "s"
	}
	return text
}

func (j *idleJob) measure(ctx context.Context, r *rig) error {
	for i := range j.settings {
		s := &j.settings[i]
		run, err := s.measure(ctx, r, j.duration)
		if err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
		fmt.Printf("  %s: %.1f commands/s, %.2f writes/s, %s bytes of append-only file an hour, %.0f keys, %.0f MiB\n",
			s, run.commands, run.writes, thousands(run.appended), run.keys, run.resident)
		s.runs = append(s.runs, run)
	}
	return nil
}

// measure starts the processes on a Redis of their own, which writes an append-only file.
func (s *idleSetting) measure(ctx context.Context, shared *rig, duration time.Duration) (run idleRun, err error) {
	r := *shared
	r.profiles = ""
	if r.redis, err = peers.NewRedis(ctx, peers.RedisConfig("appendonly yes")); err != nil {
		return run, err
	}
	defer r.redis.Close()
	pipelines := make([]pipeline, s.groups)
	for i := range pipelines {
		pipelines[i] = pipeline{signal: "logs", processors: "tykfilter", exporter: "nop"}
	}
	var processes []*collector
	defer func() {
		for _, c := range processes {
			err = errors.Join(err, c.finish(context.WithoutCancel(ctx)))
		}
	}()
	for range s.replicas {
		c, err := r.collect(ctx, pipelines...)
		if err != nil {
			return run, err
		}
		processes = append(processes, c)
		if err := c.ready(ctx); err != nil {
			return run, err
		}
	}
	if err := r.useLists(ctx); err != nil {
		return run, err
	}
	return s.watch(ctx, &r, processes, duration)
}

// useLists pushes a record to each list that counts as used, and waits until all groups have it.
func (r *rig) useLists(ctx context.Context) error {
	generator, err := traffic.New(traffic.DefaultSettings())
	if err != nil {
		return err
	}
	rdb := r.redis.Client()
	for _, list := range analytics.RequestLists("analytics-")[:idleLists] {
		if err := rdb.RPush(ctx, list.Key, analytics.AppendMsgpack(nil, generator.Next(time.Now()))).Err(); err != nil {
			return err
		}
		err := await(ctx, 100*time.Millisecond, time.Minute, "the end of "+list.Key, func() (bool, error) {
			keys, err := rdb.Keys(ctx, "*").Result()
			return !slices.ContainsFunc(keys, func(key string) bool { return key == list.Key || segmentKey.MatchString(key) }), err
		})
		if err != nil {
			return err
		}
	}
	return rest(ctx, idleSettled)
}

// segmentKey is a key that exists only while entries wait.
var segmentKey = regexp.MustCompile(`:(seg:\S+|segments)$`)

func (s *idleSetting) watch(ctx context.Context, r *rig, processes []*collector, duration time.Duration) (idleRun, error) {
	before, err := readCosts(ctx, r.redis.Client())
	if err != nil {
		return idleRun{}, err
	}
	if err := rest(ctx, duration); err != nil {
		return idleRun{}, err
	}
	after, err := readCosts(ctx, r.redis.Client())
	if err != nil {
		return idleRun{}, err
	}
	run := idleRun{
		commands: (after.commands - before.commands - readCommands) / duration.Seconds(),
		writes:   (after.writes - before.writes) / duration.Seconds(),
		appended: (after.appended - before.appended) / duration.Hours(),
		keys:     after.keys,
	}
	for _, c := range processes {
		bytes, err := residentMemory(c.PID())
		if err := errors.Join(err, c.failed()); err != nil {
			return run, err
		}
		run.resident = max(run.resident, float64(bytes)/mebibyte)
	}
	return run, nil
}

// costs are Redis' own counters.
type costs struct{ commands, writes, appended, keys float64 }

// readCommands is how many commands readCosts itself adds between two readings.
const readCommands = 4

var commandStat = regexp.MustCompile(`(?m)^cmdstat_([^:]+):calls=(\d+)`)

// readCosts asks for the numbers of commands, those within scripts too.
func readCosts(ctx context.Context, rdb *redis.Client) (costs, error) {
	var c costs
	keys, err := rdb.DBSize(ctx).Result()
	if err != nil {
		return c, err
	}
	writing, err := rdb.Do(ctx, "ACL", "CAT", "write").StringSlice()
	if err != nil {
		return c, err
	}
	info, err := rdb.InfoMap(ctx, "persistence", "stats").Result()
	if err != nil {
		return c, err
	}
	calls, err := rdb.Info(ctx, "commandstats").Result()
	if err != nil {
		return c, err
	}
	c.keys = float64(keys)
	for _, stat := range commandStat.FindAllStringSubmatch(calls, -1) {
		if n, err := strconv.ParseFloat(stat[2], 64); err == nil && slices.Contains(writing, stat[1]) {
			c.writes += n
		}
	}
	var also error
	c.commands, err = strconv.ParseFloat(info["Stats"]["total_commands_processed"], 64)
	c.appended, also = strconv.ParseFloat(info["Persistence"]["aof_current_size"], 64)
	return c, errors.Join(err, also)
}

func (j *idleJob) rows() []row {
	var rows []row
	for i, s := range j.settings {
		commands := row{job: j.title() + ", " + s.String(), unit: unit{"commands/s", decimals(1)}, values: each(s.runs, func(r idleRun) float64 { return r.commands })}
		if i == 0 {
			commands.goal = atMost(idleCommands)
		}
		rows = append(rows, commands, row{
			job: commands.job, unit: unit{"writes/s", decimals(2)}, values: each(s.runs, func(r idleRun) float64 { return r.writes }),
		})
	}
	return rows
}

func (j *idleJob) section() string {
	lines := [][]string{{"setting", "commands/s", "writes/s", "append-only file an hour", "keys", "resident memory of a process"}, nil}
	for _, s := range j.settings {
		figure := func(of func(idleRun) float64) float64 { return median(each(s.runs, of)) }
		lines = append(lines, []string{
			s.String(),
			fmt.Sprintf("%.1f", figure(func(r idleRun) float64 { return r.commands })),
			fmt.Sprintf("%.2f", figure(func(r idleRun) float64 { return r.writes })),
			thousands(figure(func(r idleRun) float64 { return r.appended })) + " bytes",
			fmt.Sprintf("%.0f", figure(func(r idleRun) float64 { return r.keys })),
			fmt.Sprintf("%.0f MiB", figure(func(r idleRun) float64 { return r.resident })),
		})
	}
	return fmt.Sprintf("Processes of the collector for %s with all 22 lists watched, of which gateways have used %d, and nothing to do; medians. "+
		"Redis counts commands within scripts, too. Each process of the second setting has both groups.\n\n", j.duration, idleLists) + markdown(lines)
}
