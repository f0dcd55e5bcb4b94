//go:build !linux && !darwin

package sqlstore

// diskFree is what is left on the disk of a file: not known on this system.
func diskFree(string) int64 { return -1 }
