// Package inspect looks at what collectors keep in Redis: what waits and moves, what is stuck and why,
// what became of every entry, and dead letters. tykctl and the console say the same because both ask it.
package inspect
