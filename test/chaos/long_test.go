//go:build chaos

package chaos

import (
	"flag"
	"fmt"
	"os"
	"testing"
	"time"
)

// What `make chaos` chooses.
var (
	seeds   = flag.Uint64("seeds", 20, "run the seeds from 1 to this one")
	seconds = flag.Int("seconds", 60, "length of a seed's load, in s")
	only    = flag.Uint64("seed", 0, "run only this seed")
	output  = flag.String("report", "", "write a page about everything to this file")
)

// found is what the tests add to the page.
var found report

func TestMain(m *testing.M) {
	flag.Parse()
	status := m.Run()
	if *output != "" && len(found.outcomes) > 0 {
		command := fmt.Sprintf("make chaos SEEDS=%d SECONDS=%d", *seeds, *seconds)
		if err := found.write(*output, command, *seconds); err != nil {
			fmt.Fprintln(os.Stderr, err)
			status = 1
		}
	}
	os.Exit(status)
}

func TestSeeds(t *testing.T) {
	first, last := uint64(1), *seeds
	if *only > 0 {
		first, last = *only, *only
	}
	for seed := first; seed <= last; seed++ {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			o := runPlan(t, newPlan(seed, time.Duration(*seconds)*time.Second))
			found.outcomes = append(found.outcomes, o)
			t.Log(o.summary())
		})
	}
	t.Logf("\n%s", &found)
}

func TestGroupsDoNotSlowEachOther(t *testing.T) {
	const records, pairs, least = 400_000, 7, 0.8
	found.isolation = checkIsolation(t, records, pairs, least, allSettings...)
}
