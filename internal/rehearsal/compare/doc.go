// Package compare tells what two stores of the same traffic have in common, and names what they have
// not. It streams: sums of hashes by window first, and rows only of windows that differ.
package compare
