package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// replicaQuota is what each process may take of a processor, so little that two processes, the
// store and Redis have enough of the others.
const replicaQuota = 0.25

// replicasJob lets one process and then two work off the same pile, each with as much of a processor.
type replicasJob struct {
	records  int64
	one, two []drain
}

func (*replicasJob) key() string { return "replicas" }

func (*replicasJob) title() string { return "two replicas" }

func (j *replicasJob) measure(ctx context.Context, r *rig) error {
	to, err := r.openPostgres(ctx)
	if err != nil {
		return err
	}
	var drains [2]drain
	for i := range drains {
		p, err := r.pileUp(ctx, j.records, to)
		if err != nil {
			return err
		}
		if drains[i], err = r.clear(ctx, p, to, i+1, replicaQuota); err != nil {
			return err
		}
		fmt.Printf("  %d: %s, %.0f %% of the processors in use\n", i+1, drains[i], 100*drains[i].busy())
	}
	fmt.Printf("  %.2f times\n", drains[1].perSecond()/drains[0].perSecond())
	j.one, j.two = append(j.one, drains[0]), append(j.two, drains[1])
	return nil
}

func (j *replicasJob) rows() []row {
	times := each(j.two, drain.perSecond)
	for i := range times {
		times[i] /= j.one[i].perSecond()
	}
	return []row{
		{job: j.title(), unit: share.named("times the speed of one"), values: times, goal: atLeast(1.8)},
		{job: j.title(), unit: perSecond, values: each(j.two, drain.perSecond), limits: each(j.one, drain.perSecond)},
	}
}

func (j *replicasJob) section() string {
	lines := [][]string{{"run", "one, records/s", "two, records/s", "times", "processors in use, one", "two"}, nil}
	for i := range j.one {
		lines = append(lines, []string{
			strconv.Itoa(i + 1), thousands(j.one[i].perSecond()), thousands(j.two[i].perSecond()), fmt.Sprintf("%.2f", j.two[i].perSecond()/j.one[i].perSecond()),
			fmt.Sprintf("%.0f %%", 100*j.one[i].busy()), fmt.Sprintf("%.0f %%", 100*j.two[i].busy()),
		})
	}
	return sentences(
		fmt.Sprintf("%s raw records that wait in one list's segments, as after an outage, worked off into PostgreSQL by one process of a group and by two.", thousands(float64(j.records))),
		fmt.Sprintf("The kernel (the processor quota of a control group) gives each process at most %.2f of a processor, and Redis and PostgreSQL all that is left,", replicaQuota),
		"so that two processes find what two machines would: the last columns show whether there was some to spare.",
	) + markdown(lines) + j.arithmetic()
}

const (
	// listsOfGateway is over how many lists a gateway spreads records with `enable_multiple_analytics_keys`.
	listsOfGateway = 10
	// masters are those of the smallest Redis Cluster; one of them has that many of the lists.
	masters, listsOfMaster = 3, 4
)

// arithmetic says what bounds a larger installation, by what this run's processes needed.
func (j *replicasJob) arithmetic() string {
	redis, collector := median(each(j.one, drain.redisMicroseconds)), median(each(j.one, drain.microseconds))
	if redis <= 0 || collector <= 0 {
		return ""
	}
	const million = 1e6
	one := million / redis
	cluster := one * listsOfGateway / listsOfMaster
	needed := math.Ceil(cluster / (million / collector))
	return "\n" + sentences(
		fmt.Sprintf("What that bounds, as arithmetic and not measured: for a record Redis needed %.2f µs of a processor without the gateway's push, and the collector %.2f µs.", redis, collector),
		fmt.Sprintf("Redis has one thread for commands, so one Redis ends at %s records/s, less what gateways' pushes and sessions take of it; %.0f processors of collectors keep up with that.", thousands(one), math.Ceil(one/(million/collector))),
		fmt.Sprintf("A list is in one slot of a cluster. With `enable_multiple_analytics_keys` a gateway has %d lists, of which one of %d masters has %d: so %d masters do %.1f times as much, %s records/s, for which %.0f processors of collectors are needed.",
			listsOfGateway, masters, listsOfMaster, masters, float64(listsOfGateway)/listsOfMaster, thousands(cluster), needed),
		"The next bound is the store: one PostgreSQL takes what the limit of raw records to PostgreSQL says, however many collectors there are.",
		"A tier of Kafka in between moves that bound to the partitions' consumers, and costs a document for each record, see [measurements](measurements.md): then as many stores as one likes are fed from one claim.",
	)
}

// throttle bounds what a process gets of a processor by a control group of its own, until end is called.
func throttle(pid int, quota float64) (end func(), err error) {
	const period = 10 * time.Millisecond
	micros := strconv.Itoa(int(quota * float64(period.Microseconds())))
	each := strconv.FormatInt(period.Microseconds(), 10)
	dir, bounds := "/sys/fs/cgroup", map[string]string{"cpu.max": micros + " " + each}
	if _, err := os.Stat(filepath.Join(dir, "cpu")); err == nil { // the first version of control groups
		dir, bounds = filepath.Join(dir, "cpu"), map[string]string{"cpu.cfs_period_us": each, "cpu.cfs_quota_us": micros}
	}
	dir = filepath.Join(dir, "tykbench-"+strconv.Itoa(pid))
	err = os.Mkdir(dir, 0o755) //nolint:gosec // of the kernel
	for file, value := range bounds {
		err = errors.Join(err, os.WriteFile(filepath.Join(dir, file), []byte(value), 0o600))
	}
	err = errors.Join(err, os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0o600))
	if err != nil {
		_ = os.Remove(dir)
		return nil, fmt.Errorf("bound the processor time of a process: run as root, with control groups mounted: %w", err)
	}
	// It can be removed once its process has ended.
	return func() { _ = os.Remove(dir) }, nil
}
