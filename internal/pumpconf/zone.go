package pumpconf

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // zones, on machines that have none

	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/settings"
)

// Zone is the time zone of a process.
type Zone struct {
	// Name is its IANA name.
	Name string
	// Origin says where that came from.
	Origin string
	// Doubt says why it may be another one, or is empty.
	Doubt string
}

const utc = "UTC"

// otherUTC are the names of the same zone, which must be one: rollups remember it.
var otherUTC = []string{utc, "Etc/UTC", "Etc/UCT", "Etc/Universal", "Etc/Zulu", "UCT", "Universal", "Zulu"}

// localZone finds the zone as Go does, which Tyk Pump goes by.
func localZone(env map[string]string) Zone {
	if tz, ok := env["TZ"]; ok {
		return namedZone(strings.TrimPrefix(tz, ":"), "TZ")
	}
	const file = "/etc/localtime"
	link, err := os.Readlink(file)
	if errors.Is(err, fs.ErrNotExist) {
		return Zone{Name: utc, Origin: "TZ is not set, and there is no " + file}
	}
	if err != nil {
		return Zone{Name: utc, Origin: "TZ is not set", Doubt: file + " does not tell the zone's name: set TZ to it, as UTC is taken"}
	}
	z := namedZone(link, file)
	z.Origin = "TZ is not set, " + file + " is " + z.Name
	return z
}

func namedZone(name, origin string) Zone {
	if _, after, ok := strings.Cut(name, "zoneinfo/"); ok {
		name = after
	}
	if name == "" || slices.Contains(otherUTC, name) {
		return Zone{Name: utc, Origin: origin}
	}
	if _, err := time.LoadLocation(name); err != nil || name == "Local" {
		return Zone{Name: utc, Origin: origin, Doubt: strconv.Quote(name) + " of " + origin + " is not the name of a time zone: UTC is taken, as by Tyk Pump; write one such as Europe/Berlin"}
	}
	return Zone{Name: name, Origin: origin}
}

func withoutPath(err error) error {
	var inner *fs.PathError
	if errors.As(err, &inner) {
		return inner.Err
	}
	return err
}

// seconds is a setting of seconds as configurations have it, unless that is more than a duration holds.
func (c *converter) seconds(g *settings.Group, key string) string {
	n := g.Int(key)
	if n > math.MaxInt32 {
		c.Error(g.Place(key), "%d is more seconds than anybody waits: write fewer", n)
	}
	return inSeconds(n)
}

// inSeconds is a duration as configurations have it.
func inSeconds(n int64) string { return strconv.FormatInt(n, 10) + "s" }
