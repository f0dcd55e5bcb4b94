package inspect

import (
	"fmt"
	"strings"
	"time"
)

// Span writes a duration as people say it.
func Span(d time.Duration) string {
	d = max(d, 0)
	switch {
	case d < time.Second:
		return fmt.Sprintf("%dms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	case d < 24*time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	default:
		return fmt.Sprintf("%dd%02dh", int(d.Hours())/24, int(d.Hours())%24)
	}
}

// Size writes a number of bytes as people say it.
func Size(bytes int64) string {
	const unit = 1000
	value, prefix := float64(bytes), ""
	for _, next := range []string{"k", "M", "G", "T"} {
		if value < unit {
			break
		}
		value, prefix = value/unit, next
	}
	if prefix == "" {
		return fmt.Sprintf("%d B", bytes)
	}
	return fmt.Sprintf("%.1f %sB", value, prefix)
}

// Count writes a number with its noun.
func Count(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if stem, ok := strings.CutSuffix(noun, "y"); ok {
		return fmt.Sprintf("%d %sies", n, stem)
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// seconds is a duration as JSON shows it.
func seconds(d time.Duration) float64 { return float64(d.Milliseconds()) / 1000 }
