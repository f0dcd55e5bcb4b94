package query

// Code is what kind of trouble a store has, for machines.
type Code string

// The codes.
const (
	// Busy: too many statements wait already.
	Busy Code = "busy"
	// Away: the store cannot be reached.
	Away Code = "store_away"
	// Timeout: a statement took longer than it may.
	Timeout Code = "timeout"
	// Missing: a table, a column or a right is missing.
	Missing Code = "missing"
	// Unindexed: the statement would read a whole table, and was not run.
	Unindexed Code = "unindexed"
	// ChooseOrganisation: there are too many organisations to read the records of all.
	ChooseOrganisation Code = "choose_organisation"
	// Gone: what was asked for is not in the store any more.
	Gone Code = "gone"
)

// Error is trouble of a known kind. Its text has no secret, and is for people.
type Error struct {
	Code Code
	// Text says what is wrong, Remedy what to do about it.
	Text   string
	Remedy string
	// Statements would make what is missing.
	Statements []string
	// Err is the cause; its text has no secret either.
	Err error
}

// Error says what is wrong and what to do.
func (e *Error) Error() string {
	text := e.Text
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	if e.Remedy != "" {
		text += ": " + e.Remedy
	}
	return text
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is tells whether both are of one kind.
func (e *Error) Is(target error) bool {
	other, ok := target.(*Error)
	return ok && other.Code == e.Code && other.Text == ""
}

// Errors to compare with errors.Is.
var (
	ErrBusy = &Error{Code: Busy}
	ErrAway = &Error{Code: Away}
	ErrGone = &Error{Code: Gone}
)
