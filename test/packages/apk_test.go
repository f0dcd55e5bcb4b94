//go:build packages

package packages

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha1" //nolint:gosec // it is what apk compares with
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// apkFile is what an .apk says of one of its files.
type apkFile struct {
	mode         int64
	owner, group string
	content      []byte
}

// readArchive reads one of the archives that an .apk is made of, and checks the digests that apk checks of its files.
func readArchive(t *testing.T, r io.Reader) map[string]apkFile {
	t.Helper()
	found := map[string]apkFile{}
	for archive := tar.NewReader(r); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return found
		}
		require.NoError(t, err)
		content, err := io.ReadAll(archive)
		require.NoError(t, err)
		if header.Typeflag == tar.TypeReg && !strings.HasPrefix(header.Name, ".") {
			sum := sha1.Sum(content) //nolint:gosec // it is what apk compares with
			assert.Equal(t, hex.EncodeToString(sum[:]), header.PAXRecords["APK-TOOLS.checksum.SHA1"], header.Name)
		}
		found[strings.TrimSuffix(header.Name, "/")] = apkFile{mode: header.Mode, owner: header.Uname, group: header.Gname, content: content}
	}
}

// TestAPKsAreAsApkWantsThem reads the two compressed archives that follow each other in a file: .PKGINFO with the scripts,
// and the files of the package, whose digest .PKGINFO has.
func TestAPKsAreAsApkWantsThem(t *testing.T) {
	for _, file := range published(t, ".apk") {
		packed, err := os.ReadFile(file)
		require.NoError(t, err)
		source := bytes.NewReader(packed)
		buffered := bufio.NewReader(source)
		member, err := gzip.NewReader(buffered)
		require.NoError(t, err)
		member.Multistream(false)
		control := &bytes.Buffer{}
		_, err = io.Copy(control, member)
		require.NoError(t, err)
		data := packed[len(packed)-source.Len()-buffered.Buffered():]

		digest := sha256.Sum256(data)
		head := readArchive(t, control)
		info := string(head[".PKGINFO"].content)
		architecture := map[bool]string{true: "x86_64", false: "aarch64"}[strings.HasSuffix(file, "_x86_64.apk")]
		for _, line := range []string{
			"pkgname = otelcol-tyk", "pkgver = " + version(t) + "-r1", "arch = " + architecture, "license = Apache-2.0",
			"depend = ca-certificates", fmt.Sprintf("datahash = %x", digest),
		} {
			assert.Contains(t, info, line+"\n", filepath.Base(file))
		}
		script, err := os.ReadFile(inRepository(t, "packaging", "scripts", "preinstall.sh"))
		require.NoError(t, err)
		assert.Equal(t, string(script), string(head[".pre-install"].content), "it makes the user that files belong to")
		assert.Equal(t, int64(0o755), head[".pre-install"].mode)

		unpacked, err := gzip.NewReader(bytes.NewReader(data))
		require.NoError(t, err)
		files := readArchive(t, unpacked)
		for name, want := range map[string]apkFile{
			"etc/init.d/otelcol-tyk":      {mode: 0o755, owner: "root", group: "root"},
			"etc/otelcol-tyk":             {mode: 0o755, owner: "root", group: "root"},
			"etc/otelcol-tyk/config.yaml": {mode: 0o640, owner: "root", group: "otelcol-tyk"},
			"etc/otelcol-tyk/environment": {mode: 0o600, owner: "root", group: "root"},
			"usr/bin/otelcol-tyk":         {mode: 0o755, owner: "root", group: "root"},
			"usr/bin/tykctl":              {mode: 0o755, owner: "root", group: "root"},
		} {
			found := files[name]
			found.content = nil
			assert.Equal(t, want, found, name)
		}
	}
}
