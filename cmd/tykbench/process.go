package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// clockTicks is the kernel's unit of processor time, the same on every Linux that Go runs on.
const clockTicks = 100

// processorTime is what a process has used so far, in user and system mode.
func processorTime(pid int) (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The command's name, in parentheses, may hold blanks; user and system time
	// are the 14th and 15th field.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	const user, system = 14 - 3, 15 - 3
	ticks := int64(0)
	for _, i := range []int{user, system} {
		n, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("processor time of %d: %w", pid, err)
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / clockTicks, nil
}

// machineTime is what all processes and the kernel have used of all processors so far.
func machineTime() (time.Duration, error) {
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	// The first line sums up: user, nice, system, idle, waiting for disks, interrupts of
	// both kinds.
	fields := strings.Fields(string(stat[:bytes.IndexByte(stat, '\n')]))
	ticks := int64(0)
	for _, i := range []int{1, 2, 3, 6, 7} {
		n, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("processor time of all: %w", err)
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / clockTicks, nil
}

// peakMemory is the most resident memory that a process had, in bytes.
func peakMemory(pid int) (int64, error) { return statusBytes(pid, "VmHWM:") }

// residentMemory is what it has now.
func residentMemory(pid int) (int64, error) { return statusBytes(pid, "VmRSS:") }

func statusBytes(pid int, field string) (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, field); ok {
			kibibytes, err := strconv.ParseInt(strings.Fields(value)[0], 10, 64)
			return kibibytes * 1024, err
		}
	}
	return 0, fmt.Errorf("memory of %d: the kernel does not tell %s", pid, field)
}

// openFiles counts a process' file descriptors.
func openFiles(pid int) (int64, error) {
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	return int64(len(entries)), err
}

// redisTime is the processor time that a Redis has used so far.
func redisTime(ctx context.Context, client *redis.Client) (time.Duration, error) {
	info, err := client.InfoMap(ctx, "cpu").Result()
	if err != nil {
		return 0, fmt.Errorf("processor time of Redis: %w", err)
	}
	used := time.Duration(0)
	for _, name := range []string{"used_cpu_sys", "used_cpu_user"} {
		seconds, err := strconv.ParseFloat(info["CPU"][name], 64)
		if err != nil {
			return 0, fmt.Errorf("processor time of Redis: %s: %w", name, err)
		}
		used += time.Duration(seconds * float64(time.Second))
	}
	return used, nil
}
