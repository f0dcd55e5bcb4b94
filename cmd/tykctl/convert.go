package main

import (
	"context"
	"flag"
	"fmt"
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf"
)

// convertCommand prints what becomes of a pump.conf.
func convertCommand(f *flag.FlagSet) action {
	skip := f.String("skip", "", "names of pumps to leave out, with commas between")
	show := f.Bool("show-secrets", false, "print secrets as they are, not as references to variables")
	return func(_ context.Context, c console, _ *connection, args []string) (int, error) {
		if len(args) > 1 {
			return exitFailed, fmt.Errorf("unexpected argument %q: name one file", args[1])
		}
		file := ""
		if len(args) == 1 {
			file = args[0]
		}
		in := pumpconf.FromProcess(file)
		for name := range strings.SplitSeq(*skip, ",") {
			if name != "" {
				in.Skip = append(in.Skip, name)
			}
		}
		result := pumpconf.Convert(in)
		fmt.Fprint(c.stderr, result.Summary())
		if !result.Settings.Readable {
			return exitFailed, nil
		}
		if *show {
			result.ShowSecrets()
		}
		fmt.Fprint(c.stdout, result.YAML())
		if result.Refused() {
			return exitFailed, nil
		}
		return exitOK, nil
	}
}

// explainCommand says in three lines what becomes of a setting.
func explainCommand(*flag.FlagSet) action {
	return func(_ context.Context, c console, _ *connection, args []string) (int, error) {
		if len(args) != 1 {
			return exitFailed, fmt.Errorf("name one key or variable, such as purge_delay or TYK_PMP_PURGEDELAY")
		}
		meanings, err := pumpconf.Explain(args[0], c.env)
		if err != nil {
			return exitFailed, err
		}
		for i, m := range meanings {
			if i > 0 {
				fmt.Fprintln(c.stdout)
			}
			fmt.Fprint(c.stdout, m)
		}
		return exitOK, nil
	}
}
