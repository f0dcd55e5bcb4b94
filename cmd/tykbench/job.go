package main

import (
	"context"
	"fmt"
	"os"
	"slices"
)

// job is something that is measured several times.
type job interface {
	// key chooses it on the command line.
	key() string
	// title is for people.
	title() string
	// measure does it once more.
	measure(ctx context.Context, r *rig) error
	// rows are its part of the table.
	rows() []row
	// section tells more about it, in Markdown.
	section() string
}

// allJobs are those of the report, in its order.
func allJobs(o options) []job {
	return []job{
		rawJob(o), rollupsJob(o), trackedJob(o), wideJob(o), nopJob(o), metricsJob(o), sqliteJob(o), mariaDBJob(o), mongoJob(o),
		&memoryJob{backlogs: o.memory}, &latencyJob{name: "latency", rate: o.rate, duration: o.duration, p99: atMost(200)},
		&latencyJob{name: "trickle", rate: o.rate / 50, duration: o.duration, p50: atMost(50)},
		groupsOf(o.records, "groups", "SQLite", toSQLite), groupsOf(o.records, "groups-mariadb", "MariaDB", toMariaDB),
		groupsOf(o.mongo, "groups-mongo", "MongoDB's protocol", toMongoDB),
		largeJob(o), &hugeJob{}, smallJob(o), &outageJob{records: o.outage}, &replicasJob{records: o.records}, &startJob{}, idleOf(o.idle),
		viewersOf(o.viewed, "viewers", "PostgreSQL", toPostgres), viewersOf(o.viewed, "viewers-sqlite", "SQLite", toSQLite),
	}
}

// chosenJobs are those that the command line asks for, or else all that this user may do.
func chosenJobs(o options) []job {
	return slices.DeleteFunc(allJobs(o), func(j job) bool {
		if len(o.only) > 0 {
			return !slices.Contains(o.only, j.key())
		}
		_, bounds := j.(*replicasJob)
		left := bounds && os.Geteuid() != 0
		if left {
			fmt.Println("left out, since only root may bound the processor time of a process:", j.title())
		}
		return left
	})
}

func keys() []string {
	var names []string
	for _, j := range allJobs(options{}) {
		names = append(names, j.key())
	}
	return names
}

func rowsOf(jobs []job) []row {
	var rows []row
	for _, j := range jobs {
		rows = append(rows, j.rows()...)
	}
	return rows
}
