// Command image writes the images of the distribution into an OCI layout, each an index of all architectures:
//
//	image -version 0.1.0 -output bin/image -zoneinfo .../zoneinfo.zip amd64=bin/amd64 arm64=bin/arm64
//
// The image VERSION runs the shipped configuration; VERSION-pump starts as Tyk Pump's image does, with
// /opt/tyk-pump/pump.conf. They differ in nothing else. The same input makes the same bytes.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// refName is how programs that read a layout find an image in it.
const refName = "org.opencontainers.image.ref.name"

func main() {
	version := flag.String("version", "", "the version of the distribution")
	output := flag.String("output", "", "the folder of the layout, which is replaced")
	zoneinfo := flag.String("zoneinfo", "", "Go's lib/time/zoneinfo.zip")
	flag.Parse()
	if err := run(*version, *output, *zoneinfo, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

func run(version, output, zoneinfo string, architectures []string) error {
	if version == "" || output == "" || zoneinfo == "" || len(architectures) == 0 {
		return fmt.Errorf("usage: image -version VERSION -output FOLDER -zoneinfo FILE ARCHITECTURE=PROGRAMS")
	}
	created, err := sourceDate()
	if err != nil {
		return err
	}
	base, err := baseLayer(zoneinfo, created)
	if err != nil {
		return err
	}
	indexes := map[string]v1.ImageIndex{}
	for _, argument := range architectures {
		architecture, programs, ok := strings.Cut(argument, "=")
		if !ok {
			return fmt.Errorf("%q: write ARCHITECTURE=FOLDER", argument)
		}
		own, err := programLayer(programs, created)
		if err != nil {
			return err
		}
		for _, variant := range variants(version) {
			image, err := build(variant, architecture, created, base, own)
			if err != nil {
				return fmt.Errorf("%s for %s: %w", variant.tag, architecture, err)
			}
			index, ok := indexes[variant.tag]
			if !ok {
				index = mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
			}
			indexes[variant.tag] = mutate.AppendManifests(index, mutate.IndexAddendum{
				Add:        image,
				Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: architecture}},
			})
		}
	}
	return write(output, version, indexes)
}

// sourceDate is the time that everything carries.
func sourceDate() (time.Time, error) {
	value := os.Getenv("SOURCE_DATE_EPOCH")
	seconds, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("SOURCE_DATE_EPOCH is %q: set it to seconds since 1970: %w", value, err)
	}
	return time.Unix(seconds, 0).UTC(), nil
}

// build puts one image together.
func build(v variant, architecture string, created time.Time, layers ...v1.Layer) (v1.Image, error) {
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	for _, layer := range layers {
		var err error
		image, err = mutate.Append(image, mutate.Addendum{
			Layer: layer, MediaType: types.OCILayer,
			History: v1.History{Created: v1.Time{Time: created}, CreatedBy: "packaging/image"},
		})
		if err != nil {
			return nil, err
		}
	}
	file, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	file = file.DeepCopy()
	file.Architecture, file.OS, file.Created = architecture, "linux", v1.Time{Time: created}
	file.Config = v.config
	file.Config.Labels = v.labels(created)
	image, err = mutate.ConfigFile(image, file)
	if err != nil {
		return nil, err
	}
	annotated, ok := mutate.Annotations(image, v.labels(created)).(v1.Image)
	if !ok {
		return nil, fmt.Errorf("annotations make no image")
	}
	return annotated, nil
}

// write replaces the layout in a folder.
func write(folder, version string, indexes map[string]v1.ImageIndex) error {
	if _, err := os.Stat(filepath.Join(folder, "oci-layout")); err == nil {
		if err := os.RemoveAll(folder); err != nil {
			return err
		}
	}
	path, err := layout.Write(folder, mutate.IndexMediaType(empty.Index, types.OCIImageIndex))
	if err != nil {
		return err
	}
	for _, variant := range variants(version) {
		index := indexes[variant.tag]
		if err := path.AppendIndex(index, layout.WithAnnotations(map[string]string{refName: variant.tag})); err != nil {
			return err
		}
		digest, err := index.Digest()
		if err != nil {
			return err
		}
		fmt.Println(variant.tag, digest)
	}
	return nil
}
