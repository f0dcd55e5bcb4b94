package resident

import (
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap/zaptest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// run builds a program and runs it, and gives what it printed.
func run(t *testing.T, environment string, arguments ...string) (before, after int) {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "program")
	build := exec.CommandContext(t.Context(), "go", append(append([]string{"build", "-o", binary}, arguments...), "./testdata/program")...) //nolint:gosec // the test's own
	build.Env = append(os.Environ(), environment)
	output, err := build.CombinedOutput()
	require.NoError(t, err, "%s", output)
	output, err = exec.CommandContext(t.Context(), binary).CombinedOutput() //nolint:gosec // the same
	require.NoError(t, err, "%s", output)
	_, err = fmt.Sscan(string(output), &before, &after)
	require.NoError(t, err, "%s", output)
	return before, after
}

func TestWhatOnlyStartingNeedsIsLetGo(t *testing.T) {
	before, after := run(t, "CGO_ENABLED=0")
	assert.Less(t, after, before, "kB mapped from files")
}

func TestABinaryThatALoaderHasChangedRunsOn(t *testing.T) {
	run(t, "CGO_ENABLED=0", "-buildmode=pie")
	run(t, "CGO_ENABLED=1", "-race")
}

func TestOnlyWhatNobodyHasChangedIsLetGo(t *testing.T) {
	text, data := elf.ProgHeader{Type: elf.PT_LOAD, Flags: elf.PF_R | elf.PF_X}, elf.ProgHeader{Type: elf.PT_LOAD, Flags: elf.PF_R | elf.PF_W}
	constants, note := elf.ProgHeader{Type: elf.PT_LOAD, Flags: elf.PF_R}, elf.ProgHeader{Type: elf.PT_NOTE, Flags: elf.PF_R}
	for name, c := range map[string]struct {
		of   elf.Type
		has  []elf.ProgHeader
		want int
	}{
		"static":               {elf.ET_EXEC, []elf.ProgHeader{text, constants, data, note}, 2},
		"position-independent": {elf.ET_DYN, []elf.ProgHeader{text, constants, data}, 0},
		"with a loader":        {elf.ET_EXEC, []elf.ProgHeader{text, constants, data, {Type: elf.PT_INTERP, Flags: elf.PF_R}}, 0},
		"relocated":            {elf.ET_EXEC, []elf.ProgHeader{text, constants, data, {Type: elf.PT_GNU_RELRO, Flags: elf.PF_R}}, 0},
	} {
		binary := &elf.File{FileHeader: elf.FileHeader{Type: c.of}}
		for _, header := range c.has {
			binary.Progs = append(binary.Progs, &elf.Prog{ProgHeader: header})
		}
		let := unchanged(binary)
		assert.Len(t, let, c.want, name)
		for _, p := range let {
			assert.Zero(t, p.Flags&elf.PF_W, name)
		}
	}
}

func TestReleasingEndsWhenItIsStopped(t *testing.T) {
	stop := ReleaseWhileStarting(zaptest.NewLogger(t))
	stop()
	stop()
}
