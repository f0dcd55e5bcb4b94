// Package resident keeps the memory small that the process takes beside its heap.
package resident
