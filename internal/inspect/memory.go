package inspect

import (
	"context"
	"strconv"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

// NodeMemory is how full one Redis server is.
type NodeMemory struct {
	Used int64 `json:"used_bytes"`
	// Max is its limit, 0 without one.
	Max int64 `json:"max_bytes"`
	// Policy is what it does at the limit.
	Policy string `json:"policy"`
}

// nearlyFull is the share of its limit at which Redis is about to refuse what
// gateways push.
const nearlyFull = 0.9

// memory asks every master. Where the user may not ask, it knows nothing.
func memory(ctx context.Context, rdb redis.UniversalClient) []NodeMemory {
	nodes := []NodeMemory{}
	var mu sync.Mutex // guards nodes: masters are asked at once
	ask := func(ctx context.Context, node *redis.Client) error {
		if text, err := node.Info(ctx, "memory").Result(); err == nil {
			mu.Lock()
			defer mu.Unlock()
			nodes = append(nodes, parseMemory(text))
		}
		return nil
	}
	switch rdb := rdb.(type) {
	case *redis.ClusterClient:
		_ = rdb.ForEachMaster(ctx, ask) // the survey has said what is wrong with a node
	case *redis.Client:
		_ = ask(ctx, rdb) // never fails
	}
	return nodes
}

func parseMemory(info string) NodeMemory {
	var m NodeMemory
	for line := range strings.Lines(info) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		switch name {
		case "used_memory":
			m.Used, _ = strconv.ParseInt(value, 10, 64)
		case "maxmemory":
			m.Max, _ = strconv.ParseInt(value, 10, 64)
		case "maxmemory_policy":
			m.Policy = value
		}
	}
	return m
}

// examineMemory says where Redis itself endangers what lies in it.
func examineMemory(nodes []NodeMemory) []Finding {
	e := &examiner{}
	unbounded := false
	for _, m := range nodes {
		if m.Max == 0 {
			unbounded = true
			continue
		}
		// Claimed entries have no time to live, so policies that take only what has one leave them alone.
		if strings.HasPrefix(m.Policy, "allkeys-") {
			e.find(Notice, "evicts", Place{}, "", "Redis may delete claimed entries when it is full (maxmemory-policy %s): set it to noeviction or volatile-lru, which leave them alone", m.Policy)
		}
		if float64(m.Used) >= nearlyFull*float64(m.Max) {
			e.find(Trouble, "full", Place{}, "", "Redis is full: it uses %s of %s, and at its limit refuses what gateways push", Size(m.Used), Size(m.Max))
		}
	}
	if unbounded {
		e.find(Notice, "unbounded", Place{}, "", "Redis has no maxmemory: what waits while a destination is down may take all memory of its host, as backlog::max_memory_share is a share of maxmemory: set maxmemory, or backlog::max_bytes")
	}
	return e.findings
}
