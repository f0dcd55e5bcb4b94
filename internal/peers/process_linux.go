package peers

import (
	"os/exec"
	"syscall"
)

// dieWithParent has the kernel kill the child when this program ends, however it
// ends, and keeps the terminal's Ctrl-C away from the child: whoever started it
// decides how it ends.
func dieWithParent(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	cmd.SysProcAttr.Setpgid = true
}
