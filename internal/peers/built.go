package peers

import (
	"fmt"
	"os"
	"path/filepath"
)

// built gives the path of a test server's program that the Makefile builds: that of the repository that
// the test runs in. It returns missing where there is none.
func built(name string, missing error) (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("look for %s: %w", name, err)
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if dir == filepath.Dir(dir) {
			return "", missing
		}
	}
	path := filepath.Join(dir, "bin", name)
	if _, err := os.Stat(path); err != nil {
		return "", missing
	}
	return path, nil
}
