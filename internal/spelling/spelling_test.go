package spelling

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestDistance(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"kitten", "sitting", 3}, {"use_ssl", "use_ssl", 0}, {"uses_sl", "use_ssl", 2}} {
		assert.Equal(t, c.want, distance(c.a, c.b), "%s %s", c.a, c.b)
	}
}

func TestNearest(t *testing.T) {
	t.Parallel()
	names := []string{"purge_delay", "purge_chunk", "type"}
	for name, want := range map[string]string{
		"purge_dealy": "purge_delay", "purgedelay": "purge_delay", "typ": "type", "tpye": "type", "storage": "", "": "", strings.Repeat("purge_delay", 9): "",
	} {
		assert.Equal(t, want, Nearest(name, names), name)
	}
}

func TestNear(t *testing.T) {
	t.Parallel()
	known := []string{"raw_path", "raw_request", "path", "api_id"}
	for given, want := range map[string][]string{
		"raw-path": {"raw_path"}, "RawPath": {"raw_path"}, "rawpth": {"raw_path"}, "request": {"raw_request"}, "api": {"api_id"},
		"pat": {"path"}, "colour": nil, "": nil, "x": nil,
	} {
		assert.Equal(t, want, Near(given, known), given)
	}
}
