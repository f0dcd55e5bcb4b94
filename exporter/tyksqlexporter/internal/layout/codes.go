package layout

import (
	"slices"
	"strconv"

	"github.com/otelcol-tyk/otelcol-tyk/internal/tyktables"
)

// StatusCodes are the columns of the status codes: those of one code, and those of
// what has none, by its first digit.
var StatusCodes = tyktables.StatusCodes

// codePlaces has what findCodeColumn finds for each status that HTTP knows.
var codePlaces = func() (places [600]int8) {
	for code := range places {
		places[code] = int8(findCodeColumn(int64(code))) //nolint:gosec // a few columns
	}
	return places
}()

// codeColumn is the place of a code's column in statusCodes, -1 where it has none.
func codeColumn(code int64) int {
	if code >= 0 && code < int64(len(codePlaces)) {
		return int(codePlaces[code])
	}
	return findCodeColumn(code)
}

func findCodeColumn(code int64) int {
	digits := strconv.FormatInt(code, 10)
	if at := slices.Index(StatusCodes, digits); at >= 0 {
		return at
	}
	return slices.Index(StatusCodes, digits[:1]+"x")
}
