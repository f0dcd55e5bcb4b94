package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/internal/inspect"
)

func groupsList(f *flag.FlagSet) action {
	asJSON := f.Bool("json", false, "write JSON")
	source := f.String("source", "", "look at this `list` only")
	return func(ctx context.Context, c console, conn *connection, _ []string) (int, error) {
		in, err := groupsIn(ctx, conn, *source)
		if err != nil {
			return exitFailed, conn.explain(err)
		}
		defer in.end()
		groups := in.Groups
		if *asJSON {
			view := map[string]any{"groups": groups}
			if in.Unreadable != nil {
				view["unreadable"] = in.Unreadable
			}
			return exitOK, errors.Join(writeJSON(c.stdout, view), in.Unreadable.Err())
		}
		if len(groups) == 0 {
			fmt.Fprintln(c.stdout, "There are no groups: no collector has read these lists.")
			return exitOK, in.Unreadable.Err()
		}
		t := newTable(c.stdout, "GROUP", "LAST SEEN", "EXPIRES IN", "LISTS", "WAITING", "KEEPS ALONE", "SIZE")
		for _, g := range groups {
			t.row(g.Name, inspect.Span(g.Ago)+" ago", expiresText(g), g.KnownOn, g.Waiting,
				fmt.Sprintf("%s of %s", inspect.Count(g.Keeps.Entries, "entry"), inspect.Count(int64(g.Keeps.Segments), "segment")), inspect.Size(g.Keeps.Bytes))
		}
		return exitOK, errors.Join(t.end(), in.Unreadable.Err())
	}
}

// groupSurvey is what groups there are, on a connection to do something about them.
type groupSurvey struct {
	*inspect.GroupSurvey

	redis  *inspect.Redis
	wanted []inspect.List
	end    func() // ends the connection
}

// groupsIn surveys one list, or all for an empty source.
func groupsIn(ctx context.Context, conn *connection, source string) (*groupSurvey, error) {
	wanted, err := conn.chooseLists(source)
	if err != nil {
		return nil, err
	}
	r, end, err := conn.look(ctx)
	if err != nil {
		return nil, err
	}
	in, err := r.GroupsIn(ctx, wanted)
	if err != nil {
		end()
		return nil, err
	}
	return &groupSurvey{in, r, wanted, end}, nil
}

func groupsRemove(f *flag.FlagSet) action {
	force := f.Bool("force", false, "remove it though it was seen in the last minute")
	source := f.String("source", "", "remove it from this `list` only; without it from all")
	dryRun := f.Bool("dry-run", false, "only say what would be removed")
	return func(ctx context.Context, c console, conn *connection, args []string) (int, error) {
		if len(args) != 1 {
			return exitFailed, fmt.Errorf("got %s: name the group to remove: see tykctl groups list", inspect.Count(int64(len(args)), "argument"))
		}
		r := removal{group: args[0], source: *source, force: *force, dryRun: *dryRun}
		if err := r.run(ctx, c, conn); err != nil {
			return exitFailed, conn.explain(err)
		}
		return exitOK, nil
	}
}

// removal takes a group out of the lists it read.
type removal struct {
	group, source string
	force, dryRun bool
}

func (r removal) run(ctx context.Context, c console, conn *connection) error {
	in, err := groupsIn(ctx, conn, r.source)
	if err != nil {
		return err
	}
	defer in.end()
	groups := in.Groups
	i := slices.IndexFunc(groups, func(g inspect.Group) bool { return g.Name == r.group })
	if i < 0 {
		return fmt.Errorf("there is no group %q: there %s", r.group, groupNames(groups))
	}
	g := groups[i]
	if !g.Away() && !r.force {
		return fmt.Errorf("group %s was seen %s ago: stop its collectors first, else they start it anew; -force removes it all the same", g.Name, inspect.Span(g.Ago))
	}
	if r.dryRun {
		fmt.Fprintf(c.stdout, "would remove group %s from %s\n", g.Name, inspect.Count(int64(g.KnownOn), "list"))
	} else {
		removed, err := in.redis.Forget(ctx, in.GroupSurvey, r.group, in.wanted, r.source == "")
		fmt.Fprintf(c.stdout, "removed group %s from %s\n", g.Name, inspect.Count(removed, "list"))
		if err != nil {
			return err
		}
	}
	r.explain(c, g, len(groups) == 1)
	return in.Unreadable.Err()
}

// explain says what is given back, and what is not.
func (r removal) explain(c console, g inspect.Group, last bool) {
	gives := "gave back"
	if r.dryRun {
		gives = "would give back"
	}
	fmt.Fprintf(c.stdout, "%s %s of %s (about %s) that only it kept\n", gives, inspect.Count(g.Keeps.Entries, "entry"), inspect.Count(int64(g.Keeps.Segments), "segment"), inspect.Size(g.Keeps.Bytes))
	if last && g.Waiting > 0 {
		fmt.Fprintf(c.stdout, "it is the last group: what waited for it stays in Redis for the next one\n")
	}
	fmt.Fprintf(c.stdout, "its dead letters, if there are any, stay: tykctl dead drop -group %s\n", g.Name)
}

func groupNames(groups []inspect.Group) string {
	if len(groups) == 0 {
		return "are none"
	}
	names := make([]string, len(groups))
	for i := range groups {
		names[i] = groups[i].Name
	}
	return "is " + strings.Join(names, ", ")
}
