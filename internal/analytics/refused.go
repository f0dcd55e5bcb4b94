package analytics

import (
	"fmt"
	"strings"
)

// RefusedError is a destination's word that it stored everything it was given
// except these records, and will never take them. The receiver moves exactly
// them to the dead letters. Destinations wrap it with consumererror.NewPermanent.
type RefusedError struct {
	// Records are the refused ones, each with the destination's reason.
	Records []RefusedRecord
}

// RefusedRecord is one record that a destination will never take.
type RefusedRecord struct {
	// UID is the record's identity.
	UID UID
	// Reason is the destination's, for people.
	Reason string
	// Destination is the component that refuses it, such as "tyksql/main".
	Destination string
}

// Error names the first few records and their reasons.
func (e *RefusedError) Error() string {
	const shown = 3
	var b strings.Builder
	fmt.Fprintf(&b, "%d records refused for good", len(e.Records))
	for i, r := range e.Records {
		if i == shown {
			b.WriteString(", and more")
			break
		}
		sep := ": "
		if i > 0 {
			sep = "; "
		}
		fmt.Fprintf(&b, "%s%s: %s", sep, r.UID, r.Reason)
	}
	return b.String()
}
