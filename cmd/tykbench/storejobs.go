package main

import "context"

// bulkLoader is a store with a way of its own to load many rows.
type bulkLoader interface {
	// bulk gives the rows per second of the rows that the last drain stored, into a
	// table like the collector's.
	bulk(ctx context.Context) (float64, error)
}

// longer is how much more records jobs drain whose speed is held against a figure. A small backlog ends before many
// chunks of rollups have waited together, and while a fresh process still gets its first memory from the system.
const longer = 5

func bulkOf(ctx context.Context, to destination) (float64, error) { return to.(bulkLoader).bulk(ctx) }

func rawJob(o options) job {
	return &storeJob{
		name: "raw", shown: "raw records to PostgreSQL", records: longer * o.records, open: toPostgres, limit: bulkOf,
		about: "Through tykredis, tykfilter and tyksql into a table without an index. The limit is `psql \\copy` of the same rows from a file into a table like it.",
		judge: func(j *storeJob) []row {
			return []row{
				{unit: perSecond, pump: "21,250", values: each(j.drains, drain.perSecond), limits: j.limits},
				{unit: share, values: j.shares(), goal: atLeast(0.8)},
				{unit: microseconds, pump: "43.4", values: each(j.drains, drain.microseconds), goal: atMost(5)},
				{unit: mebibytes, pump: "875", values: each(j.drains, drain.mebibytes), goal: memoryBound},
			}
		},
	}
}

func nopJob(o options) job {
	return &storeJob{
		name: "nop", shown: "Redis to nop", records: longer * o.records, open: toNowhere, read: readPlainly,
		about: "Claimed, decoded and made log records by tykredis, with no processor, and forgotten by the exporter `nop`. The receiver's `chunk_size` is 1000, since there are no transactions to be spared. The limit is a plain reader of the same list just before.",
		judge: func(j *storeJob) []row {
			limits := make([]float64, len(j.readings))
			for i, reading := range j.readings {
				limits[i] = reading.perProcessorSecond()
			}
			return []row{
				{unit: perProcessorSecond, values: each(j.drains, drain.perProcessorSecond), limits: limits, goal: atLeast(350_000)},
				{unit: perSecond, values: each(j.drains, drain.perSecond)},
				{unit: mebibytes, values: each(j.drains, drain.mebibytes), goal: memoryBound},
			}
		},
	}
}

func metricsJob(o options) job {
	return &storeJob{
		name: "metrics", shown: "Redis to Prometheus metrics", records: longer * o.records, open: toPage,
		about: "The preset `tyk_pump` of tykredis, pushed every second to the exporter `prometheus`, without filter and log records; the page's total is compared at the end.",
		judge: func(j *storeJob) []row {
			return []row{
				{unit: microseconds, values: each(j.drains, drain.microseconds), goal: atMost(5)},
				{unit: perSecond, values: each(j.drains, drain.perSecond)},
			}
		},
	}
}

func sqliteJob(o options) job {
	return &storeJob{
		name: "sqlite", shown: "raw records to SQLite", records: o.records, open: toSQLite, limit: bulkOf, judge: judgeBulk,
		about: "The limit is what the same driver does with the same rows: a prepared insert for each, from memory, 2,500 a transaction.",
	}
}

func mariaDBJob(o options) job {
	return &storeJob{
		name: "mariadb", shown: "raw records to MariaDB", records: o.records, open: toMariaDB, limit: bulkOf, judge: judgeBulk,
		about: "The limit is `LOAD DATA LOCAL` of the same rows from a file into a table like it.",
	}
}

func mongoJob(o options) job {
	return &storeJob{
		name: "mongo", shown: "raw records to MongoDB's protocol", records: o.mongo, open: toMongoDB, limit: bulkOf, judge: judgeBulk,
		about: "The server is FerretDB 1 over SQLite, in the place of MongoDB: it is slow, so there are fewer records, and the share says more than the speed. " +
			"The limit is the driver's own `InsertMany`, unordered, 2,500 at once, of the same documents into a collection beside.",
	}
}

// judgeBulk holds a store against its own bulk load.
func judgeBulk(j *storeJob) []row {
	return []row{
		{unit: share, values: j.shares(), goal: atLeast(0.7)},
		{unit: perSecond, values: each(j.drains, drain.perSecond), limits: j.limits},
		{unit: microseconds, values: each(j.drains, drain.microseconds)},
		{unit: mebibytes, values: each(j.drains, drain.mebibytes), goal: memoryBound},
	}
}
