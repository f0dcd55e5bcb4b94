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
	// CutFrom is how many bytes the entry had where only its beginning was kept, since it is larger
	// than all dead letters may be together; 0 where it is whole.
	CutFrom int `json:"cut_from,omitempty"`
	// Fault says why the rest could not be read; such a letter can only be dropped.
	Fault error `json:"-"`
}

// cause is what letters have in common that one fault of a destination, or of a
// gateway, makes by the thousand.
func (l Letter) cause() string {
	class, _, _ := strings.Cut(l.Reason, ":")
	return class + "|" + l.Destination
}

// encode writes a letter of at most about so many bytes.
func (l Letter) encode(most int64) (string, error) {
	// JSON has four bytes for three.
	if kept := min(most/4, cutBytes); int64(len(l.Entry)) > most/4*3 && int64(len(l.Entry)) > kept {
		l.CutFrom, l.Entry = len(l.Entry), l.Entry[:kept]
	}
	body, err := json.Marshal(l)
	return string(body), err
}

// cutBytes is the most bytes that are kept of an entry that is cut.
const cutBytes = 1 << 20

// DecodeLetter reads a letter's body as it lies in Redis.
func DecodeLetter(body string) (Letter, error) {
	var l Letter
	if err := json.Unmarshal([]byte(body), &l); err != nil {
		return Letter{}, fmt.Errorf("dead letter: %w", err)
	}
	return l, nil
}
