// Package sandbox derives from a pump.conf two others that say the same but for where records come from and go to, so that
// Tyk Pump and otelcol-tyk can store the same records side by side, and nothing real is touched.
package sandbox
