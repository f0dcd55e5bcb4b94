package logging

import (
	"fmt"
	"slices"
	"strings"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

const (
	// longest is how much of a text is said, in bytes: some exporters join an error for each record.
	longest = 2000
	// ending is how much of that is its end, where errors have their cause, or what to do about it.
	ending = 500
	// most parts of a text are compared with each other.
	most = 100
)

// Brief gives the beginning and the end of a text that is long. What errors of many records join is
// mostly the same, so that each part is said once first.
func Brief(text string) string {
	if len(text) <= longest {
		return text
	}
	length := fmt.Sprintf(" ... (%d bytes)", len(text))
	said := distinct(distinct(text, "\n"), "; ")
	if room := longest - len(length); len(said) > room {
		beginning, end := said[:room-ending-len(" ... ")], said[len(said)-ending:]
		return strings.ToValidUTF8(beginning, "") + length + " ... " + strings.ToValidUTF8(end, "")
	}
	return said + length
}

// distinct leaves out the parts of a text that were there before.
func distinct(text, separator string) string {
	var parts []string
	for part := range strings.SplitSeq(text, separator) {
		if !slices.Contains(parts[:min(len(parts), most)], part) {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, separator)
}

// shortened are fields whose texts are brief. Errors are their text alone: they may also bring each of
// their causes again, and stack traces.
func shortened(fields []zapcore.Field) []zapcore.Field {
	all := make([]zapcore.Field, 0, len(fields)+1)
	for _, f := range fields {
		switch f.Type {
		case zapcore.StringType:
			f.String = Brief(f.String)
		case zapcore.ErrorType, zapcore.StringerType, zapcore.ByteStringType:
			f = zap.String(f.Key, Brief(text(f)))
		case zapcore.ArrayMarshalerType, zapcore.ObjectMarshalerType, zapcore.ReflectType, zapcore.BinaryType:
			if encoded := encode(f); len(encoded) > longest {
				f = zap.String(f.Key, Brief(encoded))
			}
		}
		all = append(all, f)
	}
	return all
}

// text is what a field of a text says.
func text(f zapcore.Field) string {
	values := zapcore.NewMapObjectEncoder() // survives what panics when it is asked
	f.AddTo(values)
	value, _ := values.Fields[f.Key].(string)
	return value
}

var encoder = zapcore.NewJSONEncoder(zapcore.EncoderConfig{SkipLineEnding: true})

// encode gives fields as JSON.
func encode(fields ...zapcore.Field) string {
	buffer, err := encoder.EncodeEntry(zapcore.Entry{}, fields)
	if err != nil {
		return err.Error() // of a value that cannot be JSON, which the log will say, too
	}
	defer buffer.Free()
	return buffer.String()
}
