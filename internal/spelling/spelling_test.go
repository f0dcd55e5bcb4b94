package spelling

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestNear(t *testing.T) {
	known := []string{"raw_path", "raw_request", "path", "api_id"}
	for given, want := range map[string][]string{
		"raw-path": {"raw_path"}, "RawPath": {"raw_path"}, "rawpth": {"raw_path"}, "request": {"raw_request"}, "api": {"api_id"},
		"pat": {"path"}, "colour": nil, "": nil, "x": nil,
	} {
		assert.Equal(t, want, Near(given, known), given)
	}
}
