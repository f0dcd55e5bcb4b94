// Package packages installs, runs, upgrades and removes what is published: packages in a Debian that is booted for it, the
// image with podman, the chart's manifests as they are rendered. Its tests have the build tag packages, need root, and run
// with `make test-packages`.
package packages
