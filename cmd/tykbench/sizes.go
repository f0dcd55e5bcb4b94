package main

import (
	"context"

	"github.com/otelcol-tyk/otelcol-tyk/internal/traffic"
)

// sized is a PostgreSQL that gets records of another size.
type sized struct {
	*postgres
	settings traffic.Settings
	wire     traffic.Serializer
}

func (s sized) traffic() (traffic.Settings, traffic.Serializer) { return s.settings, s.wire }

// largeJob is of records whose requests and responses are recorded.
func largeJob(o options) job {
	settings := traffic.DefaultSettings()
	settings.DetailedShare, settings.BodyBytes = 1, 100_000
	return sizedJob("large", "records with recorded bodies of 100 kB", o.large, settings, traffic.Msgpack,
		"Each has its request and response in base64, with a body of 100 kB where it has one. Through tykredis, tykfilter, which looks for credentials in them, and tyksql into PostgreSQL, which compresses them.")
}

// smallJob is of the smallest records that a gateway makes.
func smallJob(o options) job {
	settings := traffic.DefaultSettings()
	settings.Lean = true
	return sizedJob("small", "records of 300 B in protobuf", o.records, settings, traffic.Protobuf,
		"Without tags, places and user agents. Through tykredis, tykfilter and tyksql into PostgreSQL.")
}

func sizedJob(key, title string, records int64, settings traffic.Settings, wire traffic.Serializer, about string) job {
	return &storeJob{
		name: key, shown: title, records: records, about: about,
		open: func(ctx context.Context, r *rig) (destination, error) {
			p, err := r.openPostgres(ctx)
			return sized{p, settings, wire}, err
		},
		judge: func(j *storeJob) []row {
			return []row{
				{unit: mebibytes, values: each(j.drains, drain.mebibytes), goal: memoryBound},
				{unit: megabytesPerSecond, values: each(j.drains, drain.megabytesPerSecond)},
				{unit: perSecond, values: each(j.drains, drain.perSecond)},
			}
		},
	}
}
