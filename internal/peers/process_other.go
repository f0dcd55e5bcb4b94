//go:build !linux

package peers

import "os/exec"

// dieWithParent does nothing here: only Linux ends children with their parent.
// Stop, Kill and Close are what ends them elsewhere.
func dieWithParent(*exec.Cmd) {}
