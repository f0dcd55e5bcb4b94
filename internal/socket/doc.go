// Package socket sends over TCP, TLS, UDP and Unix sockets to peers whose protocols have
// no answer, and knows as much about what arrived as the kernel does.
package socket
