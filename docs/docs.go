// Package docs holds documents that programs read, too.
package docs

import _ "embed"

// Differences is differences.md: what is stored otherwise than by Tyk Pump. Its rows with an anchor are the
// explanations that comparisons give.
//
//go:embed differences.md
var Differences string
