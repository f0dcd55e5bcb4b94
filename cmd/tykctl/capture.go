package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/inspect"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/capture"
)

// uptimeInFile is the name of the list of uptime checks in files.
const uptimeInFile = "uptime"

// capturedLists are those that gateways push to, with their names in files.
func capturedLists(conn *connection) []capture.List {
	var lists []capture.List
	for _, l := range analytics.RequestLists(conn.keyPrefix) {
		lists = append(lists, capture.List{Key: l.Key, Name: strings.TrimPrefix(l.Key, conn.keyPrefix)})
	}
	return append(lists, capture.List{Key: analytics.UptimeListBehind(conn.uptimePrefix), Name: uptimeInFile})
}

// keyOf is the key of a list of a file.
func (c *connection) keyOf(list string) string {
	if list == uptimeInFile {
		return analytics.UptimeListBehind(c.uptimePrefix)
	}
	return c.keyPrefix + list
}

// captureCommand copies entries to a file.
func captureCommand(f *flag.FlagSet) action {
	out := f.String("out", "", "write to this `file`; - for standard output")
	during := f.Duration("for", 0, "look again and again for so long; 0: once")
	every := f.Duration("every", 100*time.Millisecond, "time between two looks")
	most := f.Int64("n", 0, "at most this many entries; 0: all")
	redact := f.Bool("redact", false, "take credentials out of recorded requests and responses, headers and queries, as tykfilter does; entries are then written anew")
	bodies := f.Bool("unredacted", false, "write entries as they are, with all that requests and responses hold")
	return func(ctx context.Context, c console, conn *connection, _ []string) (int, error) {
		switch {
		case *out == "":
			return exitFailed, errors.New("-out: is missing: name a file")
		case *redact == *bodies:
			return exitFailed, errors.New("entries hold recorded requests and responses, with credentials: say -redact to take these out, or -unredacted to keep all")
		case *during < 0 || *every < time.Millisecond || *most < 0:
			return exitFailed, errors.New("-for, -every, -n: use 0 or more, and for -every at least 1ms")
		}
		rdb, end, err := conn.open(ctx)
		if err != nil {
			return exitFailed, err
		}
		defer end()
		peek := &capture.Peek{Redis: rdb, Lists: capturedLists(conn), Most: *most}
		if *redact {
			redactor, err := newRedactor(ctx)
			if err != nil {
				return exitFailed, err
			}
			peek.Redact = redactor.redact
		}
		header := capture.Header{
			Began: time.Now().UTC(), Source: conn.addresses, Run: runID(ctx, rdb), Prefix: conn.keyPrefix, UptimePrefix: conn.uptimePrefix, Redacted: *redact,
		}
		w, err := captureTo(ctx, c, *out, header, peek, *during, *every)
		if err != nil {
			return exitFailed, conn.explain(err)
		}
		fmt.Fprintf(c.stderr, "%s, %s, in %s\n", inspect.Count(w.Entries, "entry"), inspect.Size(w.Bytes), *out)
		if peek.Taken > 0 {
			fmt.Fprintf(c.stderr, "lists were taken away %d times meanwhile: what was pushed between the last look and that is missing. Look more often (-every) to miss less.\n", peek.Taken)
		}
		if peek.LeftOut > 0 {
			fmt.Fprintf(c.stderr, "%s could not be decoded, and so not redacted, and are left out\n", inspect.Count(peek.LeftOut, "entry"))
		}
		return exitOK, nil
	}
}

func captureTo(ctx context.Context, c console, out string, h capture.Header, peek *capture.Peek, during, every time.Duration) (w *capture.Writer, err error) {
	to := c.stdout
	if out != "-" {
		const private = 0o600
		file, openErr := os.OpenFile(out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, private) //nolint:gosec // the operator's own file
		if openErr != nil {
			return nil, fmt.Errorf("-out: %w", openErr)
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		to = file
	}
	w, err = capture.NewWriter(to, h)
	if err != nil {
		return nil, err
	}
	look := ctx
	if during > 0 {
		var stop context.CancelFunc
		look, stop = context.WithTimeout(ctx, during)
		defer stop()
	} else {
		every = 0
	}
	err = peek.Run(look, w, every)
	return w, errors.Join(err, w.Close()) // what was captured before an error can be used
}

// runID is the server's own id, empty where it does not tell.
func runID(ctx context.Context, rdb redis.UniversalClient) string {
	info, err := rdb.Info(ctx, "server").Result()
	if err != nil {
		return ""
	}
	for line := range strings.Lines(info) {
		if id, ok := strings.CutPrefix(strings.TrimSpace(line), "run_id:"); ok {
			return id
		}
	}
	return ""
}

// replayFileCommand pushes a file's entries.
func replayFileCommand(f *flag.FlagSet) action {
	speed := f.Float64("speed", 0, "how many times as fast as they came; 0: as fast as can be")
	expire := f.Duration("expire", 0, "let Redis drop a list that nobody reads after so long, as gateways do after 60s; 0: never")
	batch := f.Int("batch", 500, "push at most this many `entries` at once")
	again := f.Bool("into-source", false, "push even to the lists that the file was captured from: each request is then stored twice")
	return func(ctx context.Context, c console, conn *connection, args []string) (int, error) {
		switch {
		case len(args) != 1:
			return exitFailed, errors.New("name one file of tykctl capture")
		case *speed < 0 || *expire < 0 || *batch < 1:
			return exitFailed, errors.New("-speed, -expire: use 0 or more; -batch: at least 1")
		}
		file, err := os.Open(args[0])
		if err != nil {
			return exitFailed, err
		}
		defer func() { _ = file.Close() }() // it is only read
		r, err := capture.NewReader(file)
		if err != nil {
			return exitFailed, fmt.Errorf("%s: %w", args[0], err)
		}
		defer r.Close()
		rdb, end, err := conn.open(ctx)
		if err != nil {
			return exitFailed, err
		}
		defer end()
		if !*again && isSource(ctx, rdb, conn, r.Header) {
			return exitFailed, fmt.Errorf("%s was captured from these lists: pushing to them would store each request twice: name another Redis, or another -key-prefix and -uptime-key-prefix", args[0])
		}
		replay := &capture.Replay{Redis: rdb, Key: conn.keyOf, Speed: *speed, Expire: *expire, Batch: *batch}
		n, err := replay.Run(ctx, r)
		if err != nil {
			return exitFailed, conn.explain(fmt.Errorf("%s: %s pushed: %w", args[0], inspect.Count(n, "entry"), err))
		}
		_, err = fmt.Fprintf(c.stdout, "%s pushed\n", inspect.Count(n, "entry"))
		return exitOK, err
	}
}

// isSource tells whether a file is of the Redis, and of lists, that would be pushed to.
func isSource(ctx context.Context, rdb redis.UniversalClient, conn *connection, h capture.Header) bool {
	if h.Prefix != conn.keyPrefix && h.UptimePrefix != conn.uptimePrefix {
		return false
	}
	run := runID(ctx, rdb)
	return run != "" && run == h.Run || conn.addresses == h.Source
}
