package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// Exit statuses, which the README documents.
const (
	exitOK      = 0
	exitTrouble = 1
	exitFailed  = 2
)

// console is where a command is given from.
type console struct {
	stdout, stderr io.Writer
	env            func(string) string
	// terminal is true where stdout shows pages to people.
	terminal bool
}

// command is one thing that tykctl does.
type command struct {
	name    string
	args    string // after the flags, for the help
	summary string
	// offline is set where Redis plays no part.
	offline bool
	// setup declares the command's flags and returns what runs once they are read.
	setup func(f *flag.FlagSet) action
}

// action does what a command is for, and gives the exit status where it found
// nothing wrong with doing it.
type action func(ctx context.Context, c console, conn *connection, args []string) (int, error)

func commands() []command {
	return []command{
		{name: "status", summary: "what waits, who works on it, what is stuck and why (the default)", setup: statusCommand},
		{name: "dead list", summary: "list dead letters", setup: deadList},
		{name: "dead show", summary: "show dead letters with what is in them", setup: deadShow},
		{name: "dead replay", summary: "deliver dead letters once more to the group that gave them up", setup: deadReplay},
		{name: "dead drop", summary: "delete dead letters for good", setup: deadDrop},
		{name: "groups list", summary: "list the groups that read the lists, and what each keeps in Redis", setup: groupsList},
		{name: "groups remove", args: "NAME", summary: "remove a group that is gone for good, and what only it keeps", setup: groupsRemove},
		{name: "receipts", summary: "account for every entry that was ever claimed", setup: receiptsCommand},
		{name: "convert", args: "[pump.conf]", summary: "print the configuration that a pump.conf and the environment become", offline: true, setup: convertCommand},
		{name: "capture", summary: "copy entries of gateways to a file, without taking them away", setup: captureCommand},
		{name: "replay-file", args: "FILE", summary: "push the entries of a captured file to the lists of another Redis, or of another key prefix", setup: replayFileCommand},
		{name: "rehearse", summary: "let Tyk Pump and otelcol-tyk store a captured file side by side, and compare", setup: rehearseCommand},
		{name: "compare", summary: "compare what Tyk Pump stored with what otelcol-tyk did, and say what differs and why", offline: true, setup: compareCommand},
		{name: "compare-metrics", summary: "compare two pages of Prometheus metrics, or what they grew by", offline: true, setup: compareMetricsCommand},
		{name: "verify-rollups", summary: "make rollups anew from the records of a database, compare, and write what is missing", offline: true, setup: verifyCommand},
		{name: "explain", args: "KEY|VARIABLE", summary: "say what becomes of one setting of Tyk Pump", offline: true, setup: explainCommand},
		{name: "ready", summary: "ask the collector on this host whether it is ready; for health checks", offline: true, setup: readyCommand},
	}
}

// version is that of the build, which sets it.
var version = "devel"

func versionCommand(*flag.FlagSet) action {
	return func(_ context.Context, c console, _ *connection, _ []string) (int, error) {
		_, err := fmt.Fprintln(c.stdout, "tykctl version "+version)
		return exitOK, err
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, os.Args[1:], console{stdout: os.Stdout, stderr: os.Stderr, env: os.Getenv, terminal: isTerminal(os.Stdout)})
	stop()
	os.Exit(status)
}

// run does what the arguments say and returns the exit status.
func run(ctx context.Context, args []string, c console) int {
	cmd, rest, err := choose(args)
	if errors.Is(err, flag.ErrHelp) {
		overview(c.stdout)
		return exitOK
	}
	if err != nil {
		fmt.Fprintln(c.stderr, "tykctl:", err)
		return exitFailed
	}
	status, err := cmd.run(ctx, c, rest)
	switch {
	case err == nil:
		return status
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	default:
		fmt.Fprintf(c.stderr, "tykctl %s: %v\n", cmd.name, err)
		return exitFailed
	}
}

// choose finds the command that the first words name.
func choose(args []string) (command, []string, error) {
	all := commands()
	if len(args) == 0 {
		return all[0], nil, nil
	}
	switch args[0] {
	case "help", "-h", "-help", "--help":
		return command{}, nil, flag.ErrHelp
	case "version", "-version", "--version":
		return command{name: "version", offline: true, setup: versionCommand}, nil, nil
	}
	if strings.HasPrefix(args[0], "-") {
		return all[0], args, nil
	}
	var verbs []string
	for _, cmd := range all {
		noun, verb, _ := strings.Cut(cmd.name, " ")
		switch {
		case noun != args[0]:
			continue
		case verb == "", len(args) == 1, strings.HasPrefix(args[1], "-"): // the first verb is the harmless one
			return cmd, args[1:], nil
		case verb == args[1]:
			return cmd, args[2:], nil
		}
		verbs = append(verbs, verb)
	}
	if len(verbs) > 0 {
		return command{}, nil, fmt.Errorf("unknown command %q: after %s comes %s", args[0]+" "+args[1], args[0], strings.Join(verbs, ", "))
	}
	return command{}, nil, fmt.Errorf("unknown command %q: see tykctl help", args[0])
}

func (cmd command) run(ctx context.Context, c console, args []string) (int, error) {
	own, shared := flag.NewFlagSet(cmd.name, flag.ContinueOnError), flag.NewFlagSet(cmd.name, flag.ContinueOnError)
	act := cmd.setup(own)
	conn := newConnection(shared, c.env)
	all := flag.NewFlagSet(cmd.name, flag.ContinueOnError)
	all.SetOutput(io.Discard)
	if cmd.offline {
		shared = flag.NewFlagSet(cmd.name, flag.ContinueOnError)
	}
	for _, set := range []*flag.FlagSet{own, shared} {
		set.VisitAll(func(f *flag.Flag) { all.Var(f.Value, f.Name, f.Usage) })
	}
	rest, err := parse(all, args)
	if errors.Is(err, flag.ErrHelp) {
		cmd.help(c.stdout, own, shared)
		return exitOK, err
	}
	if err == nil && cmd.args == "" && len(rest) > 0 {
		err = fmt.Errorf("unexpected argument %q", rest[0])
	}
	if err != nil {
		return exitFailed, fmt.Errorf("%w: see tykctl %s -help", err, cmd.name)
	}
	return act(ctx, c, conn, rest)
}

// parse reads flags and returns the arguments between and behind them.
func parse(f *flag.FlagSet, args []string) ([]string, error) {
	var rest []string
	for {
		if err := f.Parse(args); err != nil {
			return nil, err
		}
		if f.NArg() == 0 {
			return rest, nil
		}
		rest = append(rest, f.Arg(0))
		args = f.Args()[1:]
	}
}

func overview(w io.Writer) {
	fmt.Fprintln(w, "tykctl shows what the collector keeps in Redis: what is stuck, and why; and what becomes of Tyk Pump's settings.")
	fmt.Fprintln(w, "\nUsage: tykctl [command] [flags]")
	fmt.Fprintln(w)
	for _, cmd := range commands() {
		fmt.Fprintf(w, "  %-20s %s\n", strings.TrimSpace(cmd.name+" "+cmd.args), cmd.summary)
	}
	fmt.Fprintln(w, "\ntykctl <command> -help lists the flags of a command; tykctl --version tells the version.")
}

func (cmd command) help(w io.Writer, own, shared *flag.FlagSet) {
	fmt.Fprintf(w, "tykctl %s: %s\n\nUsage: tykctl %s [flags]\n", cmd.name, cmd.summary, strings.TrimSpace(cmd.name+" "+cmd.args))
	fmt.Fprintln(w)
	own.SetOutput(w)
	own.PrintDefaults()
	if cmd.offline {
		return
	}
	fmt.Fprintln(w, "\nWhere Redis is:")
	shared.SetOutput(w)
	shared.PrintDefaults()
}
