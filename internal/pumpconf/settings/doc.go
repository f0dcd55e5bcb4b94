// Package settings reads a pump.conf and the environment as Tyk Pump does: which values
// result, in which order they win, and which pumps there are. Where Tyk Pump would end,
// leave a pump out or take half of what is meant, it says so instead.
package settings
