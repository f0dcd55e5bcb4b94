package main

import (
	"archive/tar"
	"bytes"
	"encoding/pem"
	"io"
	"os"
	"path/filepath"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/crypto/x509roots/fallback/bundle"
)

const (
	certificates = "/etc/ssl/certs/ca-certificates.crt"
	zones        = "/usr/share/zoneinfo.zip"
)

// entry is something in a layer: a folder without content and link, or a file, or a link.
type entry struct {
	name    string
	content []byte
	link    string
	mode    int64
	owner   int
}

// baseLayer has what the programs need to know of the world. It is the same for all architectures.
func baseLayer(zoneinfo string, created time.Time) (v1.Layer, error) {
	zoneData, err := os.ReadFile(zoneinfo)
	if err != nil {
		return nil, err
	}
	return layer(created, []entry{
		{name: "etc", mode: 0o755},
		{name: "etc/group", content: []byte("root:x:0:\nnonroot:x:65532:\n"), mode: 0o644},
		{name: "etc/passwd", content: []byte("root:x:0:0:root:/:/sbin/nologin\nnonroot:x:65532:65532:nonroot:" + state + ":/sbin/nologin\n"), mode: 0o644},
		{name: "etc/ssl", mode: 0o755},
		{name: "etc/ssl/certs", mode: 0o755},
		{name: certificates[1:], content: authorities(), mode: 0o644},
		{name: "tmp", mode: 0o1777},
		{name: "usr", mode: 0o755},
		{name: "usr/share", mode: 0o755},
		{name: zones[1:], content: zoneData, mode: 0o644},
		{name: "var", mode: 0o755},
		{name: "var/lib", mode: 0o755},
		{name: state[1:], mode: 0o700, owner: user},
	})
}

// authorities are Mozilla's, without those that are to be trusted under conditions, which a file cannot express.
func authorities() []byte {
	var all bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint == nil {
			_ = pem.Encode(&all, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}) // a buffer takes all
		}
	}
	return all.Bytes()
}

// programLayer has the programs of an architecture, the configuration and the licences.
func programLayer(folder string, created time.Time) (v1.Layer, error) {
	entries := []entry{
		{name: "etc/otelcol-tyk", mode: 0o755},
		{name: "opt", mode: 0o755},
		{name: pumpHome[1:], mode: 0o755},
		{name: pumpHome[1:] + "/tyk-pump", link: "/usr/bin/tyk-pump", mode: 0o777},
		{name: "usr/bin", mode: 0o755},
		{name: "usr/share/licenses", mode: 0o755},
		{name: "usr/share/licenses/otelcol-tyk", mode: 0o755},
	}
	for _, file := range []struct {
		name, source string
		mode         int64
	}{
		{"etc/otelcol-tyk/config.yaml", "otelcol-config.yaml", 0o644},
		{"usr/bin/otelcol-tyk", filepath.Join(folder, "otelcol-tyk"), 0o755},
		{"usr/bin/tyk-pump", filepath.Join(folder, "tyk-pump"), 0o755},
		{"usr/bin/tykctl", filepath.Join(folder, "tykctl"), 0o755},
		{"usr/share/licenses/otelcol-tyk/LICENSE", "LICENSE", 0o644},
		{"usr/share/licenses/otelcol-tyk/NOTICE", "NOTICE", 0o644},
		{"usr/share/licenses/otelcol-tyk/THIRD-PARTY.txt", filepath.Join("bin", "THIRD-PARTY.txt"), 0o644},
	} {
		content, err := os.ReadFile(file.source)
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry{name: file.name, content: content, mode: file.mode})
	}
	return layer(created, entries)
}

// layer packs entries.
func layer(created time.Time, entries []entry) (v1.Layer, error) {
	var packed bytes.Buffer
	w := tar.NewWriter(&packed)
	for _, e := range entries {
		header := &tar.Header{Name: e.name, Mode: e.mode, Uid: e.owner, Gid: e.owner, ModTime: created, Format: tar.FormatPAX}
		switch {
		case e.link != "":
			header.Typeflag, header.Linkname = tar.TypeSymlink, e.link
		case e.content == nil:
			header.Typeflag, header.Name = tar.TypeDir, e.name+"/"
		default:
			header.Typeflag, header.Size = tar.TypeReg, int64(len(e.content))
		}
		if err := w.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := w.Write(e.content); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(packed.Bytes())), nil
	}, tarball.WithMediaType(types.OCILayer), tarball.WithCompressedCaching)
}
