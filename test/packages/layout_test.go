//go:build packages

package packages

import (
	"archive/tar"
	"debug/elf"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// imageConfig is what of an image's configuration is looked at.
type imageConfig struct {
	Architecture string
	Config       struct {
		User        string
		Entrypoint  []string
		Cmd         []string
		WorkingDir  string
		Env         []string
		Labels      map[string]string
		Healthcheck struct{ Test []string }
	}
}

// descriptor names a blob of a layout.
type descriptor struct {
	Digest      string
	Platform    struct{ Architecture, OS string }
	Annotations map[string]string
}

// blob reads one that is JSON.
func blob(tb testing.TB, digest string, into any) {
	tb.Helper()
	text, err := os.ReadFile(inRepository(tb, "bin", "image", "blobs", "sha256", strings.TrimPrefix(digest, "sha256:")))
	require.NoError(tb, err)
	require.NoError(tb, json.Unmarshal(text, into))
}

// TestTheLayoutHasAnIndexOfAllArchitectures looks at what registries get.
func TestTheLayoutHasAnIndexOfAllArchitectures(t *testing.T) {
	text, err := os.ReadFile(inRepository(t, "bin", "image", "index.json"))
	require.NoError(t, err)
	var layout struct{ Manifests []descriptor }
	require.NoError(t, json.Unmarshal(text, &layout))
	require.Len(t, layout.Manifests, 2)
	for i, tag := range []string{version(t), version(t) + "-pump"} {
		assert.Equal(t, tag, layout.Manifests[i].Annotations["org.opencontainers.image.ref.name"])
		var index struct{ Manifests []descriptor }
		blob(t, layout.Manifests[i].Digest, &index)
		var found, want []string
		for _, d := range index.Manifests {
			found = append(found, d.Platform.OS+"/"+d.Platform.Architecture)
			var manifest struct{ Config descriptor }
			blob(t, d.Digest, &manifest)
			var config imageConfig
			blob(t, manifest.Config.Digest, &config)
			assert.Equal(t, d.Platform.Architecture, config.Architecture)
			assert.Equal(t, "65532:65532", config.Config.User)
			assert.Equal(t, version(t), config.Config.Labels["org.opencontainers.image.version"])
			assert.Equal(t, "Apache-2.0", config.Config.Labels["org.opencontainers.image.licenses"])
			assert.Equal(t, []string{"CMD", "/usr/bin/tykctl", "ready"}, config.Config.Healthcheck.Test[:3])
		}
		for _, architecture := range architectures() {
			want = append(want, "linux/"+architecture)
		}
		assert.Equal(t, want, found)
	}
}

// registry starts an empty one on this machine, and gives its address.
func registry(t *testing.T) string {
	t.Helper()
	address := fmt.Sprintf("localhost:%d", freePort(t))
	server := exec.CommandContext(t.Context(), tool(t, "crane"), "registry", "serve", "--address", address)
	require.NoError(t, server.Start())
	t.Cleanup(func() { _ = server.Wait() }) // it ends with the test's context
	require.Eventually(t, func() bool {
		_, err := try(t, nil, tool(t, "crane"), "catalog", address)
		return err == nil
	}, long, 100*time.Millisecond)
	return address
}

// inImages are files of each image that the programs need, or that others look for.
var inImages = map[string]tar.Header{
	"etc/otelcol-tyk/config.yaml":       {Mode: 0o644},
	"etc/ssl/certs/ca-certificates.crt": {Mode: 0o644},
	"opt/tyk-pump/tyk-pump":             {Mode: 0o777, Linkname: "/usr/bin/tyk-pump"},
	"tmp":                               {Mode: 0o1777},
	"usr/bin/otelcol-tyk":               {Mode: 0o755},
	"usr/bin/tyk-pump":                  {Mode: 0o755},
	"usr/bin/tykctl":                    {Mode: 0o755},
	"usr/share/licenses/otelcol-tyk/THIRD-PARTY.txt": {Mode: 0o644},
	"usr/share/zoneinfo.zip":                         {Mode: 0o644},
	"var/lib/otelcol-tyk":                            {Mode: 0o700, Uid: 65532, Gid: 65532},
}

// TestReleasePushesImages into a registry of this machine, where each is whole and has its files.
func TestReleasePushesImages(t *testing.T) {
	image := registry(t) + "/otelcol-tyk/otelcol-tyk"
	pushed := strings.Fields(command(t, inRepository(t, "scripts", "release.sh"), "push", "v"+version(t), image))
	text, err := os.ReadFile(inRepository(t, "bin", "image", "index.json"))
	require.NoError(t, err)
	var layout struct{ Manifests []descriptor }
	require.NoError(t, json.Unmarshal(text, &layout))
	for i, tag := range []string{version(t), version(t) + "-pump"} {
		want := layout.Manifests[i].Digest
		assert.Equal(t, want, strings.TrimSpace(command(t, tool(t, "crane"), "digest", image+":"+tag)))
		assert.Contains(t, pushed, image+"@"+want, "what is to be signed")
	}
	for _, architecture := range architectures() {
		platform := "linux/" + architecture
		// Every layer is read and has the digest that the manifest names.
		command(t, tool(t, "crane"), "validate", "--platform", platform, "--remote", image+":"+version(t))
		export := exec.CommandContext(t.Context(), tool(t, "crane"), "export", "--platform", platform, image+":"+version(t), "-")
		stdout, err := export.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, export.Start())
		found := map[string]tar.Header{}
		for files := tar.NewReader(stdout); ; {
			header, err := files.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err)
			found[strings.TrimSuffix(header.Name, "/")] = tar.Header{Mode: header.Mode, Uid: header.Uid, Gid: header.Gid, Linkname: header.Linkname}
		}
		_, err = io.Copy(io.Discard, stdout) // the padding of the archive
		require.NoError(t, err)
		require.NoError(t, export.Wait())
		for name, want := range inImages {
			assert.Equal(t, want, found[name], "%s for %s", name, architecture)
		}
	}
}

// TestProgramsAreForTheirArchitecture holds for all, of which only one can be run here.
func TestProgramsAreForTheirArchitecture(t *testing.T) {
	machines := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}
	for _, architecture := range architectures() {
		for _, name := range []string{"otelcol-tyk", "tykctl", "tyk-pump"} {
			file, err := elf.Open(inRepository(t, "bin", architecture, name))
			require.NoError(t, err)
			assert.Equal(t, machines[architecture], file.Machine, "%s for %s", name, architecture)
			libraries, err := file.ImportedLibraries()
			require.NoError(t, err)
			assert.Empty(t, libraries, "it needs no libraries")
			require.NoError(t, file.Close())
		}
	}
}
