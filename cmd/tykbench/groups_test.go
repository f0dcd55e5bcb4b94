package main

import (
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestShareThatProcessorsAllow(t *testing.T) {
	all := time.Duration(runtime.NumCPU())
	for name, test := range map[string]struct {
		first, second drain
		want          float64
	}{
		"both leave room":     {drain{took: time.Second, machine: all * time.Second / 4}, drain{took: 2 * time.Second, machine: all * time.Second}, 1},
		"both keep them busy": {drain{took: 2 * time.Second, machine: all * 2 * time.Second}, drain{took: 2 * time.Second, machine: all * 2 * time.Second}, 0.5},
		"one and a half":      {drain{took: time.Second, machine: all * time.Second}, drain{took: 2 * time.Second, machine: all * 3 * time.Second / 2}, 0.8},
	} {
		assert.InDelta(t, test.want, groupsRun{first: test.first, second: test.second}.possible(), 1e-9, name)
	}
}

// What a process uses is used of the machine.
func TestMachineTime(t *testing.T) {
	before, own := machine(t), ownProcessorTime()
	for ownProcessorTime() < own+200*time.Millisecond {
	}
	assert.GreaterOrEqual(t, machine(t)-before, 100*time.Millisecond)
}

func machine(t *testing.T) time.Duration {
	used, err := machineTime()
	require.NoError(t, err)
	return used
}
