// Package packages looks at what is published. With the build tag packages alone, tests read the packages, the image, the
// manifests that the chart makes, and the workflows, as `make check-files` does in each run of CI. With the tag machines they
// also install, run, upgrade and remove the packages in a Debian that is booted for it, and run the image with podman; that
// needs root. With the tag release they need Helm, and lists of modules for each architecture. `make test-packages` has all three.
package packages
