package sqlite

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestAffinityIsThatOfSQLite(t *testing.T) {
	t.Parallel()
	for declared, want := range map[string]string{
		"INT": "integer", "tinyint(1)": "integer", "BIGINT UNSIGNED": "integer", "FLOATING POINT": "integer",
		"varchar(255)": "text", "CLOB": "text", "longtext": "text", "BLOB": "blob", "": "blob",
		"double": "real", "Float": "real", "datetime": "numeric", "boolean": "numeric", "decimal(10,5)": "numeric",
	} {
		assert.Equal(t, want, affinity(declared), declared)
	}
}
