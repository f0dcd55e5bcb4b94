// Package peers starts real servers for tests, benchmarks and the demo: each a
// throwaway process of its own on a loopback port, with its data in a directory
// of its own, ended with the program that started it.
package peers
