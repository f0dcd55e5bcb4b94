package mongorows

import (
	"strconv"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/rows"
)

// appendValue writes a value with the name of its type behind it, so that two types differ; a text stands alone.
func appendValue(to []byte, v bson.RawValue) []byte {
	switch v.Type {
	case bson.TypeString:
		text, ok := v.StringValueOK()
		if ok {
			return append(to, text...)
		}
	case bson.TypeInt32:
		return append(strconv.AppendInt(to, int64(v.Int32()), 10), " int32"...)
	case bson.TypeInt64:
		return append(strconv.AppendInt(to, v.Int64(), 10), " int64"...)
	case bson.TypeDouble:
		return append(strconv.AppendFloat(to, v.Double(), 'f', -1, 64), " double"...)
	case bson.TypeBoolean:
		return append(strconv.AppendBool(to, v.Boolean()), " bool"...)
	case bson.TypeDateTime:
		return append(rows.AppendTime(to, v.Time()), " date"...)
	case bson.TypeNull:
		return append(to, "null"...)
	default:
	}
	return append(to, v.String()...) // extended JSON, which names types itself
}

// branches are sub-documents of which each field is a column of its own; all others are values.
var branches = map[string]bool{"geo": true, "geo.city": true, "geo.country": true, "geo.location": true, "latency": true, "network": true, "mcpstats": true}

// flatten visits the values of a record by path. The _id is of no meaning, since each side makes its own.
func flatten(document bson.Raw, prefix string, visit func(path string, v bson.RawValue)) error {
	elements, err := document.Elements()
	if err != nil {
		return err
	}
	for _, e := range elements {
		path, v := prefix+e.Key(), e.Value()
		if path == "_id" {
			continue
		}
		if below, ok := v.DocumentOK(); ok && branches[path] {
			if err := flatten(below, path+".", visit); err != nil {
				return err
			}
			continue
		}
		visit(path, v)
	}
	return nil
}
