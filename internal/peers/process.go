package peers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// outputDelay is how long the outputs stay open for grandchildren of a child that
// has ended.
const outputDelay = 2 * time.Second

// Process is a running child program. It is ended with this program, also when
// this program is killed, where the operating system offers that (Linux does).
type Process struct {
	cmd  *exec.Cmd
	out  *tail
	done chan struct{}
	err  error // cmd.Wait's; readable once done is closed
}

// StartProcess starts cmd and collects what it prints to both its outputs; a
// Stdout that the caller has set gets a copy of all of it. It adds to SysProcAttr
// what ties the child's life to this program's; everything else of cmd (Dir, Env,
// Credential) is the caller's.
func StartProcess(cmd *exec.Cmd) (*Process, error) {
	p := &Process{cmd: cmd, out: newTail(), done: make(chan struct{})}
	var out io.Writer = p.out
	if cmd.Stdout != nil {
		out = io.MultiWriter(p.out, cmd.Stdout)
	}
	cmd.Stdout, cmd.Stderr = out, out
	cmd.WaitDelay = outputDelay
	dieWithParent(cmd)
	started := make(chan error)
	go func() {
		// The kernel's parent-death signal fires when the thread that forked ends,
		// so that thread is held for as long as the child lives.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			p.err = cmd.Wait()
			close(p.done)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	return p, nil
}

// PID is the child's process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed once the child has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err is nil while the child runs and when it ended with status 0.
func (p *Process) Err() error {
	select {
	case <-p.done:
		return p.err
	default:
		return nil
	}
}

// State is the ended child's, with its CPU time and peak memory; nil while it runs.
func (p *Process) State() *os.ProcessState {
	select {
	case <-p.done:
		return p.cmd.ProcessState
	default:
		return nil
	}
}

// Output is the last part of what the child printed, at most 64 KiB.
func (p *Process) Output() string { return p.out.String() }

// WaitOutput waits until the child has printed text. It returns early, with an
// error that holds the child's last lines, when the child ends or ctx is done.
func (p *Process) WaitOutput(ctx context.Context, text string) error {
	for {
		changed := p.out.changed()
		if strings.Contains(p.Output(), text) {
			return nil
		}
		select {
		case <-changed:
		case <-p.done:
			if strings.Contains(p.Output(), text) {
				return nil
			}
			return p.failure(fmt.Sprintf("ended before it said %q", text), p.err)
		case <-ctx.Done():
			return p.failure(fmt.Sprintf("did not say %q", text), ctx.Err())
		}
	}
}

// Signal sends sig; a child that has ended already is not an error.
func (p *Process) Signal(sig os.Signal) error {
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("signal %s: %w", p.cmd.Path, err)
	}
	return nil
}

// Kill ends the child at once, without a chance to tidy up, and waits for its end.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // fails only for a child that has ended
	<-p.done
}

// Stop asks the child to end with SIGTERM and waits until it did. When ctx is
// done first the child is killed and the error says so.
func (p *Process) Stop(ctx context.Context) error {
	if err := p.Signal(syscall.SIGTERM); err != nil {
		p.Kill()
		return err
	}
	select {
	case <-p.done:
		return nil
	case <-ctx.Done():
		p.Kill()
		return p.failure("did not end when asked to and was killed", ctx.Err())
	}
}

// failure describes what happened to the child, with its last lines.
func (p *Process) failure(what string, cause error) error {
	const lines = 15
	last := LastLines(p.Output(), lines)
	if cause == nil {
		return fmt.Errorf("%s %s; its last lines:\n%s", p.cmd.Path, what, last)
	}
	return fmt.Errorf("%s %s: %w; its last lines:\n%s", p.cmd.Path, what, cause, last)
}

// LastLines returns at most the last n lines of text.
func LastLines(text string, n int) string {
	text = strings.TrimRight(text, "\n")
	lines := strings.Split(text, "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
