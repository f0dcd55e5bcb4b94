package claim

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Letter is an entry that no delivery will ever succeed with.
type Letter struct {
	// UID is the entry's identity, <segment id>-<index>.
	UID string `json:"uid"`
	// Reason says why, for people.
	Reason string `json:"reason"`
	// At is when it was given up.
	At time.Time `json:"at"`
	// Destination is the component that refused it, where that is known.
	Destination string `json:"destination,omitempty"`
	// Group is whose delivery gave it up.
	Group string `json:"group"`
	// Entry is the entry's bytes as the gateway pushed them.
	Entry []byte `json:"entry"`
	// Fault says why the rest could not be read; such a letter can only be dropped.
	Fault error `json:"-"`
}

// cause is what letters have in common that one fault of a destination, or of a
// gateway, makes by the thousand.
func (l Letter) cause() string {
	class, _, _ := strings.Cut(l.Reason, ":")
	return class + "|" + l.Destination
}

func (l Letter) encode() (string, error) {
	body, err := json.Marshal(l)
	return string(body), err
}

// DecodeLetter reads a letter's body as it lies in Redis.
func DecodeLetter(body string) (Letter, error) {
	var l Letter
	if err := json.Unmarshal([]byte(body), &l); err != nil {
		return Letter{}, fmt.Errorf("dead letter: %w", err)
	}
	return l, nil
}
