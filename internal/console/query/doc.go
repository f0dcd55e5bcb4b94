// Package query is what the console asks of a store: the blocks of its pages, each answered
// with how exact it is. A kind of store is one implementation of [Store]; pages know no SQL.
//
// Every answer is bounded. What a store cannot answer whole it answers in part, and says how
// far it looked.
package query
