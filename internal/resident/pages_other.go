//go:build !linux

package resident

// releasePages does nothing where no kernel is known to keep pages of a binary for as long as it runs.
func releasePages() error { return nil }
