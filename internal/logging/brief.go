package logging

import (
	"fmt"
	"slices"
	"strings"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// longest is how much of a text is said, in bytes: some exporters join an error for each record.
const longest = 2000

// brief gives the beginning of a text. What such errors join is mostly the same, so that each part is
// said once first.
func brief(text string) string {
	if len(text) <= longest {
		return text
	}
	said := distinct(distinct(text, "\n"), "; ")
	if len(said) > longest {
		said = strings.ToValidUTF8(said[:longest], "")
	}
	return fmt.Sprintf("%s ... (%d bytes)", said, len(text))
}

// distinct leaves out the parts of a text that were there before, as far as brief shows any.
func distinct(text, separator string) string {
	var parts []string
	length := 0
	for part := range strings.SplitSeq(text, separator) {
		if !slices.Contains(parts, part) {
			parts = append(parts, part)
			if length += len(part) + len(separator); length > longest {
				break
			}
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
			f.String = brief(f.String)
		case zapcore.ErrorType, zapcore.StringerType, zapcore.ByteStringType:
			f = zap.String(f.Key, brief(text(f)))
		case zapcore.ArrayMarshalerType, zapcore.ObjectMarshalerType, zapcore.ReflectType, zapcore.BinaryType:
			if encoded := encode(f); len(encoded) > longest {
				f = zap.String(f.Key, brief(encoded))
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
