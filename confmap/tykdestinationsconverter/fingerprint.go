package tykdestinationsconverter

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/internal/wiring"
)

// nowhere are exporters that write to no place of their own: each process has one.
var nowhere = map[string]bool{"debug": true, "nop": true, "prometheus": true}

// manner is of settings that say how an exporter writes, who it is there, or which secret it
// shows. They may differ between processes, and a secret changes.
var manner = regexp.MustCompile(`(?i)queue|retry|timeout|interval|^tls$|ssl|auth|header|user|pass|pwd|secret|token|credential|_key$|_key_id$|` +
	`compress|batch|flush|buffer|rotation|client_id|label|conn|idle|^(max|min|num)_|worker|concurren|keepalive|balancer|verbosity|sampling|cache|ignore_fields|release_records`)

// In what names a place, these say who comes.
var (
	urlUser   = regexp.MustCompile(`(://)[^/\s]*@`)
	mysqlUser = regexp.MustCompile(`^.*@(\w+\()`)
	parameter = regexp.MustCompile(`(?i)\b\w*(user|pass|pwd|secret|token|key|timeout|ssl|tls)\w*\s*=\s*('[^']*'|[^\s&;,]*)[\s&;,]?`)
)

// place is where an exporter writes.
func place(exporter string, settings map[string]any) any {
	if nowhere[wiring.Type(exporter)] {
		return nil
	}
	return essence(settings)
}

// meaning is what becomes of records on a way: which of them arrive, and as what. Only our
// processors have settings that are the same in all processes by their nature.
func meaning(way wiring.Way, processors map[string]map[string]any) string {
	var all []string
	for _, processor := range way.Processors {
		if kind := wiring.Type(processor); kind == "tykfilter" || kind == "tykaggregate" {
			all = append(all, fmt.Sprintf("%s %#v", kind, essence(processors[processor])))
		}
	}
	return strings.Join(all, " ")
}

// essence is a setting without manner and secrets.
func essence(value any) any {
	switch v := value.(type) {
	case map[string]any:
		kept := map[string]any{}
		for key, inner := range v {
			if !manner.MatchString(key) && inner != nil {
				kept[key] = essence(inner)
			}
		}
		return kept
	case []any:
		kept := make([]any, len(v))
		for i, inner := range v {
			kept[i] = essence(inner)
		}
		return kept
	case string:
		s := urlUser.ReplaceAllString(v, "$1")
		s = parameter.ReplaceAllString(s, "")
		return strings.TrimSpace(mysqlUser.ReplaceAllString(s, "$1"))
	}
	return value
}

// fingerprint is short, since people compare it too.
func fingerprint(parts ...any) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%#v", parts)) // maps in order of their keys
	return hex.EncodeToString(sum[:4])
}
