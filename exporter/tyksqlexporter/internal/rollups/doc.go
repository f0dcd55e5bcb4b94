// Package rollups is rollups as rows of tables: groups of one push or of several that
// are stored together, and what was counted of uptime checks.
package rollups
