//go:build packages

package packages

import (
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// inEach are the files of every package; the formats have more.
var inEach = []string{
	"/etc/otelcol-tyk/config.yaml",
	"/etc/otelcol-tyk/environment",
	"/usr/bin/otelcol-tyk",
	"/usr/bin/tyk-pump",
	"/usr/bin/tykctl",
	"/usr/share/doc/otelcol-tyk/NOTICE",
	"/usr/share/doc/otelcol-tyk/THIRD-PARTY.txt.gz",
	"/usr/share/doc/otelcol-tyk/copyright",
	"/usr/share/man/man1/tyk-pump.1.gz",
	"/usr/share/man/man1/tykctl.1.gz",
	"/usr/share/man/man8/otelcol-tyk.8.gz",
}

// published gives the packages of make packages with the given ending.
func published(tb testing.TB, ending string) []string {
	tb.Helper()
	found, err := filepath.Glob(filepath.Join(inRepository(tb, "bin", "packages"), "*"+ending))
	require.NoError(tb, err)
	require.Len(tb, found, len(architectures()), "%s: one for each architecture", ending)
	return found
}

// TestPackagesHoldTheirFiles lists each package with its format's own program; an .apk is a few archives in a row.
func TestPackagesHoldTheirFiles(t *testing.T) {
	for _, format := range []struct {
		ending, list string
		more         []string
	}{
		{".deb", `dpkg-deb --fsys-tarfile "$1" | tar --list`, []string{"/lib/systemd/system/otelcol-tyk.service", "/usr/share/doc/otelcol-tyk/changelog.Debian.gz"}},
		{".rpm", `rpm -qlp "$1"`, []string{"/usr/lib/systemd/system/otelcol-tyk.service", "/usr/share/licenses/otelcol-tyk/LICENSE"}},
		{".apk", `tar --list --gzip --ignore-zeros --file "$1"`, []string{"/etc/init.d/otelcol-tyk", "/usr/share/licenses/otelcol-tyk/LICENSE"}},
	} {
		for _, file := range published(t, format.ending) {
			names := map[string]bool{}
			for name := range strings.Lines(command(t, "sh", "-c", format.list, "sh", file)) {
				names["/"+strings.TrimPrefix(strings.TrimPrefix(strings.TrimSpace(name), "."), "/")] = true
			}
			for _, name := range append(slices.Clone(inEach), format.more...) {
				assert.True(t, names[name], "%s in %s", name, filepath.Base(file))
			}
		}
	}
}

// TestRPMsSayWhatAnUpgradeKeeps reads the flags of the files.
func TestRPMsSayWhatAnUpgradeKeeps(t *testing.T) {
	for _, file := range published(t, ".rpm") {
		assert.Equal(t, "/etc/otelcol-tyk/config.yaml\n/etc/otelcol-tyk/environment\n", command(t, "rpm", "-qp", "--configfiles", file))
		flags := command(t, "rpm", "-qp", "--queryformat", `[%{FILENAMES} %{FILEFLAGS:fflags}\n]`, file)
		assert.Contains(t, flags, "/etc/otelcol-tyk/config.yaml cn\n", "noreplace")
	}
}

// TestLintianFindsNoErrors in either architecture's package.
func TestLintianFindsNoErrors(t *testing.T) {
	out := command(t, tool(t, "lintian"), append([]string{"--allow-root", "--fail-on", "error", "--tag-display-limit", "0"}, published(t, ".deb")...)...)
	t.Log(out)
}

// TestTheManualNamesAllCommands compares it with what tykctl says of itself.
func TestTheManualNamesAllCommands(t *testing.T) {
	help := command(t, program(t, "tykctl"), "help")
	page, err := os.ReadFile(inRepository(t, "packaging", "man", "tykctl.1"))
	require.NoError(t, err)
	manual := regexp.MustCompile(`\\f[IRB]`).ReplaceAllString(string(page), "")
	commands := regexp.MustCompile(`(?m)^  (\S+( \S+)?( [A-Z[]\S*)?)  +(.*)$|^  (explain KEY\|VARIABLE) (.*)$`).FindAllStringSubmatch(help, -1)
	require.GreaterOrEqual(t, len(commands), 11, help)
	for _, found := range commands {
		name, summary := found[1]+found[5], found[4]+found[6]
		assert.Contains(t, manual, ".B "+name+"\n"+summary, "the manual page")
	}
}

// TestConfigurationFilesAreMarked in a .deb, so that dpkg asks before it replaces them.
func TestConfigurationFilesAreMarked(t *testing.T) {
	for _, file := range published(t, ".deb") {
		assert.Equal(t, "/etc/otelcol-tyk/config.yaml\n/etc/otelcol-tyk/environment\n", command(t, "dpkg-deb", "--info", file, "conffiles"))
	}
}

// TestModesAndOwnersOfFiles are those that keep passwords from others.
func TestModesAndOwnersOfFiles(t *testing.T) {
	for _, file := range published(t, ".deb") {
		list := regexp.MustCompile(` +`).ReplaceAllString(command(t, "sh", "-c", `dpkg-deb --fsys-tarfile "$1" | tar --list --verbose`, "sh", file), " ")
		for _, want := range []string{
			`-rw-r----- root/otelcol-tyk \d+ \S+ \S+ ./etc/otelcol-tyk/config.yaml`, `-rw------- root/root \d+ \S+ \S+ ./etc/otelcol-tyk/environment`,
			`-rwxr-xr-x root/root \d+ \S+ \S+ ./usr/bin/otelcol-tyk`, `-rw-r--r-- root/root \d+ \S+ \S+ ./lib/systemd/system/otelcol-tyk.service`,
		} {
			assert.Regexp(t, `(?m)^`+want+`$`, list, filepath.Base(file))
		}
	}
	for _, file := range published(t, ".rpm") {
		list := command(t, "rpm", "-qp", "--queryformat", `[%{FILEMODES:perms} %{FILEUSERNAME} %{FILEGROUPNAME} %{FILENAMES}\n]`, file)
		for _, want := range []string{
			"-rw-r----- root otelcol-tyk /etc/otelcol-tyk/config.yaml\n", "-rw------- root root /etc/otelcol-tyk/environment\n",
			"-rwxr-xr-x root root /usr/bin/otelcol-tyk\n", "-rw-r--r-- root root /usr/lib/systemd/system/otelcol-tyk.service\n",
		} {
			assert.Contains(t, list, want, filepath.Base(file))
		}
	}
}

// TestPackagesAreTheSameBytesTwice packs again, from files with other times, and compares.
func TestPackagesAreTheSameBytesTwice(t *testing.T) {
	command(t, "touch", inRepository(t, "packaging", "scripts", "preinstall.sh"))
	dir := t.TempDir()
	out, err := try(t, nil, inRepository(t, "packaging", "packages.sh"), version(t), dir, runtime.GOARCH)
	require.NoError(t, err, out)
	again, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	require.Len(t, again, 3)
	for _, file := range again {
		command(t, "cmp", file, inRepository(t, "bin", "packages", filepath.Base(file)))
	}
}
