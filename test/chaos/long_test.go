//go:build chaos

package chaos

import (
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What `make chaos` chooses.
var (
	seeds   = flag.Uint64("seeds", 20, "run the seeds from 1 to this one")
	seconds = flag.Int("seconds", 60, "length of a seed's load, in s")
	only    = flag.Uint64("seed", 0, "run only this seed")
	output  = flag.String("report", "", "write a page about the seeds to this file")
)

func TestSeeds(t *testing.T) {
	first, last := uint64(1), *seeds
	if *only > 0 {
		first, last = *only, *only
	}
	length := time.Duration(*seconds) * time.Second
	var r report
	for seed := first; seed <= last; seed++ {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			o := runSeed(t, seed, length)
			r.outcomes = append(r.outcomes, o)
			t.Log(o.summary())
		})
	}
	t.Logf("\n%s", &r)
	if *output != "" {
		command := fmt.Sprintf("make chaos SEEDS=%d SECONDS=%d", *seeds, *seconds)
		require.NoError(t, r.write(*output, command, length))
	}
}
