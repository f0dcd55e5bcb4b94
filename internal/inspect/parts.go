package inspect

import (
	"strings"
)

// wording is how a page says a kind of finding.
type wording struct {
	title string // {group} and {list} are replaced
	// remedy begins, in the text of the finding, with begins.
	begins, remedy string
}

var wordings = map[string]wording{
	"unwatched":    {"Nobody reads {list}", ": start a collector", "Start a collector that reads it."},
	"expiring":     {"Entries of {list} are about to be lost", ": start a collector", "Start a collector."},
	"claimed_late": {"Entries of {list} are claimed late", ": does their log", "Look into the log of the receivers: it says why they do not claim."},
	"missing":      {"Redis lost entries of {list}", ": was it restarted", "Was Redis restarted without persistence, or are keys evicted? Turn on appendonly, and set maxmemory-policy to noeviction."},
	"no_group":     {"Entries of {list} wait for a group", ": start a collector", "Start a collector."},
	"group_away":   {"Group {group} is away", ": start its collector", "Start its collector. If it is gone for good, remove the group: that gives the memory back."},
	"receipts_off": {"Receipts of group {group} do not add up", "", "Keep the collector's log and report it: this should not happen."},
	"lost":         {"Redis lost entries before group {group} read them", "", ""},
	"shed":         {"Entries were shed before group {group} got them", "", "Nothing to do: the backlog had reached its bound."},
	"no_lease":     {"Nobody works for group {group}", ": has its collector", "Is its collector running? Start it."},
	"stalled":      {"Group {group} is stalled", ": a destination does not take", "A destination does not take what is delivered: see its health below and the collector's log."},
	"behind":       {"Group {group} is behind, and moving", "", "Nothing to do."},
	"odd_lease":    {"A lease of group {group} lasts too long", "", "Set Redis' clock right. The segments are out of reach for others until the lease ends."},
	"dead_letters": {"Dead letters of {list}", ": tykctl", "Mend the cause, then replay them. What is stored already is skipped."},
	"evicts":       {"Redis may delete claimed entries", ": set it to", "Set maxmemory-policy to noeviction or volatile-lru, which leave them alone."},
	"full":         {"Redis is full", "", "Give Redis more memory, or let what waits be delivered: at its limit it refuses what gateways push."},
	"unbounded":    {"Redis has no limit of memory", ": set maxmemory", "Set maxmemory in Redis, or backlog::max_bytes in the receiver."},
	"destinations": {"Processes of group {group} deliver to different places", ": give each set", "Give each set of destinations a group of its own, unless this is a change of the configuration that is under way."},
	"unreadable":   {"{list} cannot be read", "", ""},
	"unaccounted":  {"Acknowledged entries are not accounted for", ": were there", "Were there other exporters, or filters that dropped them?"},
}

// part takes the text apart for pages.
func (f *Finding) part() {
	w := wordings[f.Code]
	f.Title = strings.NewReplacer("{group}", f.Group, "{list}", f.Place.String()).Replace(w.title)
	f.What, f.Remedy = f.Text, w.remedy
	at := -1
	if w.begins != "" {
		at = strings.LastIndex(f.Text, w.begins)
	}
	if at < 0 {
		return
	}
	f.What = f.Text[:at]
	if _, command, ok := strings.Cut(f.Text[at:], "tykctl "); ok {
		command, _, _ = strings.Cut(command, ", tykctl ")
		f.Command = "tykctl " + command
	}
}
