// Command tyk-pump starts the collector where Tyk Pump was started: with its arguments,
// its file and its environment, so that images, unit files and pod specs run unchanged.
//
// It becomes the otelcol-tyk that lies beside it or is found in PATH; OTELCOL_TYK_BINARY
// names another one.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

func main() {
	if asksForHelp(os.Args[1:]) {
		fmt.Print(usage)
		return
	}
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "tyk-pump:", err)
		os.Exit(1)
	}
}

// usage is the answer to --help.
const usage = `usage: tyk-pump [<flags>]

Starts otelcol-tyk with the configuration of Tyk Pump.

  -h, --help       these lines
  -c, --conf=FILE  the configuration, pump.conf by default
      --debug      debug messages in the log
      --version    the version of otelcol-tyk

"tykctl convert FILE" prints what becomes of a configuration. otelcol-tyk itself takes more:

  otelcol-tyk --config tykpump:FILE?skip=NAME --config more.yaml
  otelcol-tyk validate --config tykpump:FILE
`

// asksForHelp tells whether any of the arguments does, as in Tyk Pump.
func asksForHelp(args []string) bool {
	return slices.ContainsFunc(args, func(arg string) bool {
		return slices.Contains([]string{"-h", "--help", "--help-long", "--help-man"}, arg)
	})
}

// run replaces this process by the collector.
func run(args []string) error {
	translated, err := translate(args)
	if err != nil {
		return err
	}
	binary, err := collector()
	if err != nil {
		return err
	}
	if err := syscall.Exec(binary, append([]string{binary}, translated...), environment(os.Environ())); err != nil { //nolint:gosec // the collector, with arguments of whoever started this
		return fmt.Errorf("cannot start %s: %w", binary, err)
	}
	return nil
}

// environment is that of the collector. Nobody sets memory for a pump, and Go's own defaults collect garbage several
// times as often as a stream of records needs.
func environment(own []string) []string {
	if os.Getenv("GOMEMLIMIT") == "" && os.Getenv("GOGC") == "" {
		own = append(own, "GOMEMLIMIT=400MiB", "GOGC=400")
	}
	return own
}

// collector finds the program to become.
func collector() (string, error) {
	const name = "otelcol-tyk"
	if path := os.Getenv("OTELCOL_TYK_BINARY"); path != "" {
		return path, nil
	}
	if own, err := os.Executable(); err == nil {
		beside := filepath.Join(filepath.Dir(own), name)
		if info, err := os.Stat(beside); err == nil && !info.IsDir() {
			return beside, nil
		}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("%w: put it beside this program, or let OTELCOL_TYK_BINARY name it", err)
	}
	return path, nil
}

// translate turns Tyk Pump's arguments into the collector's.
func translate(args []string) ([]string, error) {
	file, debug := "", false
	for len(args) > 0 {
		name, value, has := strings.Cut(args[0], "=")
		if short, ok := strings.CutPrefix(args[0], "-c"); ok && !strings.HasPrefix(args[0], "--") && short != "" {
			name, value, has = "-c", strings.TrimPrefix(short, "="), true // as in -cFILE
		}
		args = args[1:]
		switch name {
		case "-c", "--conf":
			if !has {
				if len(args) == 0 {
					return nil, fmt.Errorf("%s names no file: write %s pump.conf", name, name)
				}
				value, args = args[0], args[1:]
			}
			file = value
		case "--debug":
			debug = true
		case "--version":
			return []string{"--version"}, nil
		case "--demo", "--demo-api", "--demo-api-version", "--demo-track-path", "--demo-days", "--demo-records-per-hour", "--demo-future-data":
			return nil, fmt.Errorf("%s makes Tyk Pump write demo data and end: use tykgen for that", name)
		default:
			return nil, fmt.Errorf("unknown argument %q: there are -c FILE, --conf FILE, --debug, --version and --help", name)
		}
	}
	uri := "tykpump:" + file
	if debug {
		uri += "?debug=true"
	}
	return []string{"--config", uri}, nil
}
