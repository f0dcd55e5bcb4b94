//go:build packages && machines

package packages

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// oldVersion is one before any that is released.
const oldVersion = "0.0.9"

// manager is how a package manager is told what to do.
type manager struct {
	format                   string
	install, upgrade, remove string
	// purge removes the configuration of a removed package, empty where there is no such step.
	purge string
	// beside is what the new configuration is called beside one that was edited.
	beside string
	// kept is what an edited configuration is called after the package is removed.
	kept string
}

var managers = []manager{
	{
		format: "deb", install: "dpkg --install", upgrade: "dpkg --force-confdef --force-confold --install",
		remove: "dpkg --remove otelcol-tyk", purge: "dpkg --purge otelcol-tyk",
		beside: "/etc/otelcol-tyk/config.yaml.dpkg-dist", kept: "/etc/otelcol-tyk/config.yaml",
	},
	{
		// Debian's rpm knows nothing of what dpkg installed.
		format: "rpm", install: "rpm --force-debian --nodeps --install", upgrade: "rpm --force-debian --nodeps --upgrade",
		remove: "rpm --erase otelcol-tyk", beside: "/etc/otelcol-tyk/config.yaml.rpmnew", kept: "/etc/otelcol-tyk/config.yaml.rpmsave",
	},
}

// upgradeable gives a machine that has the packages old and new of a format. The old one ships another configuration.
func upgradeable(t *testing.T, format string) *machine {
	t.Helper()
	before, err := packagesBefore()
	require.NoError(t, err, before)
	return boot(t, shareWith(t, map[string]string{
		"old": onePackage(t, before, format),
		"new": onePackage(t, filepath.Join(repository(t), "bin", "packages"), format),
	}))
}

// packagesBefore makes packages of an older version, once, and gives their folder.
var packagesBefore = sync.OnceValues(func() (string, error) {
	root := filepath.Join("..", "..")
	config, err := os.ReadFile(filepath.Join(root, "otelcol-config.yaml"))
	if err != nil {
		return "", err
	}
	dir, err := filepath.Abs(filepath.Join(root, "bin", "packages-before"))
	if err != nil {
		return "", err
	}
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // all may read it
		return "", err
	}
	file := filepath.Join(dir, "config")
	if err := os.WriteFile(file, append(config, "# As it was before.\n"...), 0o600); err != nil {
		return "", err
	}
	cmd := exec.Command(filepath.Join(root, "packaging", "packages.sh"), oldVersion, dir, runtime.GOARCH)
	cmd.Env = append(os.Environ(), "PACKAGE_CONFIG="+file, "PACKAGE_FORMATS=deb rpm")
	if out, err := cmd.CombinedOutput(); err != nil {
		return string(out), err
	}
	return dir, nil
})

// onePackage finds the package of a format for this machine in a folder.
func onePackage(tb testing.TB, dir, format string) string {
	tb.Helper()
	architecture := runtime.GOARCH
	if format != "deb" {
		architecture = map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[runtime.GOARCH]
	}
	found, err := filepath.Glob(filepath.Join(dir, "*"+architecture+"."+format))
	require.NoError(tb, err)
	require.Len(tb, found, 1, "in %s", dir)
	return found[0]
}

// shipped is the configuration that packages bring along.
func shipped(tb testing.TB) string {
	tb.Helper()
	text, err := os.ReadFile(inRepository(tb, "otelcol-config.yaml"))
	require.NoError(tb, err)
	return string(text)
}

// TestAPackageIsInstalledRunUpgradedAndRemoved goes through the life of each package on a machine with systemd.
func TestAPackageIsInstalledRunUpgradedAndRemoved(t *testing.T) {
	for _, pm := range managers {
		t.Run(pm.format, func(t *testing.T) {
			m := upgradeable(t, pm.format)

			said := m.run("%s %s/old", pm.install, share)
			assert.Contains(t, said, "systemctl enable --now otelcol-tyk")
			state, _ := m.try("systemctl is-enabled otelcol-tyk; systemctl is-active otelcol-tyk")
			assert.Equal(t, "disabled\ninactive\n", state, "a first installation takes no records from anybody")
			assert.Equal(t, "640 root otelcol-tyk", m.mode("/etc/otelcol-tyk/config.yaml"))
			assert.Equal(t, "600 root root", m.mode("/etc/otelcol-tyk/environment"))
			assert.Equal(t, "tykctl version "+version(t)+"\n", m.run("tykctl --version"))
			assert.Equal(t, "otelcol-tyk version "+version(t)+"\n", m.run("tyk-pump --version"))

			m.push(1000)
			m.run("systemctl enable --now otelcol-tyk")
			m.ready()
			m.stored(1000)
			m.checkConfinement()

			// An upgrade restarts the service, and loses nothing of what comes meanwhile.
			first := m.pid()
			m.push(5000)
			m.run("%s %s/new", pm.upgrade, share)
			m.push(1000)
			m.ready()
			assert.NotEqual(t, first, m.pid(), "the upgrade restarts the service")
			m.stored(7000)
			assert.Equal(t, shipped(t), m.read("/etc/otelcol-tyk/config.yaml"), "nobody has changed it, so the new one is taken")

			m.run("%s", pm.remove)
			state, _ = m.try("systemctl is-active otelcol-tyk")
			assert.Equal(t, "inactive\n", state)
			assert.False(t, m.exists("/usr/bin/otelcol-tyk"))
			m.stored(7000)
			if pm.purge != "" {
				assert.True(t, m.exists("/etc/otelcol-tyk/config.yaml"))
				assert.Contains(t, m.run("%s", pm.purge), "/var/lib/otelcol-tyk is left")
			}
			assert.False(t, m.exists("/etc/otelcol-tyk"))
			m.stored(7000)

			// What was stored is there again with the next installation.
			m.run("%s %s/new", pm.install, share)
			m.push(1000)
			m.run("systemctl enable --now otelcol-tyk")
			m.stored(8000)
		})
	}
}

// checkConfinement looks at what the running service may do.
func (m *machine) checkConfinement() {
	t := m.tb
	t.Helper()
	status := m.read("/proc/" + m.pid() + "/status")
	for _, line := range []string{"CapEff:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"} {
		assert.Contains(t, status, line+"\n")
	}
	assert.Equal(t, "otelcol-tyk", strings.TrimSpace(m.run("ps --no-headers --format user:32 --pid %s", m.pid())))
	assert.Equal(t, "600 otelcol-tyk otelcol-tyk", m.mode("/var/lib/otelcol-tyk/tyk-analytics.db"))
	assert.Equal(t, "700 otelcol-tyk otelcol-tyk", m.mode("/var/lib/otelcol-tyk"))
	environment := strings.ReplaceAll(m.read("/proc/"+m.pid()+"/environ"), "\x00", "\n")
	assert.Contains(t, environment, "GOMEMLIMIT=400MiB\n")
	assert.Contains(t, environment, "GOGC=400\n")
	// systemd's own judgement: 10 is the worst, and 4 and less is called fine or better.
	m.run("systemd-analyze security --no-pager --threshold=25 otelcol-tyk")
	m.run("systemd-analyze verify --man=no otelcol-tyk.service")
}

// TestAnUpgradeKeepsWhatWasChanged holds for both files of the configuration.
func TestAnUpgradeKeepsWhatWasChanged(t *testing.T) {
	for _, pm := range managers {
		t.Run(pm.format, func(t *testing.T) {
			m := upgradeable(t, pm.format)
			m.run("%s %s/old", pm.install, share)
			config := strings.Replace(m.read("/etc/otelcol-tyk/config.yaml"), "limit_mib: ${env:TYK_MEMORY_LIMIT_MIB:-512}", "limit_mib: 400", 1)
			require.Contains(t, config, "limit_mib: 400")
			const environment = "TYK_SQL_DATASOURCE=./other.db\n"
			m.write("/etc/otelcol-tyk/config.yaml", config)
			m.write("/etc/otelcol-tyk/environment", environment)
			m.run("systemctl enable --now otelcol-tyk")
			m.ready()

			m.run("%s %s/new", pm.upgrade, share)
			m.ready()
			assert.Equal(t, config, m.read("/etc/otelcol-tyk/config.yaml"))
			assert.Equal(t, environment, m.read("/etc/otelcol-tyk/environment"))
			assert.Equal(t, shipped(t), m.read(pm.beside))
			m.push(500)
			m.storedIn("/var/lib/otelcol-tyk/other.db", 500)

			m.run("%s", pm.remove)
			assert.Equal(t, config, m.read(pm.kept))
		})
	}
}

// TestAnUpgradeThatRefusesTheConfigurationRestartsNothing keeps the version before at work.
func TestAnUpgradeThatRefusesTheConfigurationRestartsNothing(t *testing.T) {
	for _, pm := range managers {
		t.Run(pm.format, func(t *testing.T) {
			m := upgradeable(t, pm.format)
			m.run("%s %s/old", pm.install, share)
			m.run("systemctl enable --now otelcol-tyk")
			m.ready()
			first := m.pid()
			// What the new version will not take.
			m.write("/etc/otelcol-tyk/config.yaml", strings.Replace(shipped(t), "  tykredis:\n", "  tykredis:\n    poll_intervall: 1s\n", 1))

			said := m.run("%s %s/new", pm.upgrade, share)
			assert.Contains(t, said, "did you mean poll_interval for poll_intervall?")
			assert.Contains(t, said, "this version refuses the configuration")
			assert.Equal(t, first, m.pid())
			m.push(500)
			m.stored(500)
		})
	}
}

// TestTheServiceRunsAPumpConf is the way over for a host with Tyk Pump.
func TestTheServiceRunsAPumpConf(t *testing.T) {
	m := upgradeable(t, "deb")
	m.run("dpkg --install %s/new", share)
	m.run("mkdir --parents /opt/tyk-pump")
	m.run("touch /opt/tyk-pump/pump.conf")
	m.write("/opt/tyk-pump/pump.conf", `{"analytics_storage_type": "redis", "analytics_storage_config": {"type": "redis", "host": "localhost", "port": 6379},
		"purge_delay": 1, "dont_purge_uptime_data": true, "pumps": {"csv": {"type": "csv", "meta": {"csv_dir": "/var/lib/otelcol-tyk/csv"}}}}`)
	m.run("chmod 644 /opt/tyk-pump/pump.conf")
	m.run("echo OTELCOL_TYK_CONFIG=tykpump:/opt/tyk-pump/pump.conf >>/etc/otelcol-tyk/environment")
	m.push(300)
	m.run("systemctl enable --now otelcol-tyk")
	m.rows("/var/lib/otelcol-tyk/csv", 300)
}

// TestTykPumpStartsFromVariablesAlone as a pod of Tyk's own chart does: without arguments and without a file.
func TestTykPumpStartsFromVariablesAlone(t *testing.T) {
	m := upgradeable(t, "deb")
	m.run("dpkg --install %s/new", share)
	m.push(300)
	m.run("systemd-run --unit pump --working-directory=/opt --setenv=TYK_PMP_OMITCONFIGFILE=true --setenv=TYK_PMP_ANALYTICSSTORAGETYPE=redis " +
		"--setenv=TYK_PMP_ANALYTICSSTORAGECONFIG_ADDRS=localhost:6379 --setenv=TYK_PMP_PURGEDELAY=2 --setenv=TYK_PMP_DONTPURGEUPTIMEDATA=true " +
		"--setenv=TYK_PMP_PUMPS_CSV_TYPE=csv --setenv=TYK_PMP_PUMPS_CSV_META_CSVDIR=/srv/csv tyk-pump")
	m.rows("/srv/csv", 300)
}

// rows waits until the CSV files of a folder hold so many records.
func (m *machine) rows(dir string, want int) {
	m.tb.Helper()
	waitFor(m.tb, want, func() (string, error) {
		return m.try("cat " + dir + "/*.csv | grep --count --extended-regexp '^(GET|POST|PUT|DELETE|PATCH|HEAD|OPTIONS),'")
	})
}
