package resident

import (
	"os"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap/zaptest"
)

// fromFiles is how much of the memory of this process is mapped from files, in kB.
func fromFiles(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	require.NoError(t, err)
	match := regexp.MustCompile(`(?m)^RssFile:\s+(\d+) kB$`).FindSubmatch(status)
	require.NotNil(t, match, "%s", status)
	kilobytes, err := strconv.Atoi(string(match[1]))
	require.NoError(t, err)
	return kilobytes
}

func TestWhatOnlyStartingNeedsIsGivenBack(t *testing.T) {
	binary, err := os.Executable()
	require.NoError(t, err)
	before := fromFiles(t)
	require.NoError(t, releaseMapped())
	after := fromFiles(t)
	assert.Less(t, after, before, "kB mapped from files")

	content, err := os.ReadFile(binary)
	require.NoError(t, err)
	assert.NotEmpty(t, content, "what was unmapped runs on")
}

func TestOnlyWhatNobodyWritesToIsReleased(t *testing.T) {
	for line, want := range map[string]struct{ from, to uintptr }{
		"00400000-0446c000 r-xp 00000000 fe:00 10002889                           /opt/collector":           {0x400000, 0x446c000},
		"0446c000-088e1000 r--p 0406c000 fe:00 10002889                           /opt/collector":           {0x446c000, 0x88e1000},
		"7f0000000000-7f0000001000 r--p 0406c000 fe:00 1 /opt/collector":                                    {0x7f0000000000, 0x7f0000001000},
		"088e1000-08b15000 rw-p 084e1000 fe:00 10002889                           /opt/collector":           {},
		"088e1000-08b15000 r--s 084e1000 fe:00 10002889                           /opt/collector":           {},
		"088e1000-08b15000 ---p 084e1000 fe:00 10002889                           /opt/collector":           {},
		"088e1000-08b15000 r--p 00000000 fe:00 10002889                           /usr/lib/libc.so":         {},
		"088e1000-08b15000 r--p 00000000 fe:00 10002889                           /opt/collector (deleted)": {},
		"c000000000-c000400000 rw-p 00000000 00:00 0":                                                       {},
		"nonsense /opt/collector": {},
		"":                        {},
	} {
		from, to, ok := readOnly(line, "/opt/collector")
		assert.Equal(t, want.to != 0, ok, line)
		if ok {
			assert.Equal(t, want.from, from, line)
			assert.Equal(t, want.to, to, line)
		}
	}
}

func TestReleasingEndsWhenItIsStopped(t *testing.T) {
	stop := ReleaseWhileStarting(zaptest.NewLogger(t))
	stop()
	stop()
}
