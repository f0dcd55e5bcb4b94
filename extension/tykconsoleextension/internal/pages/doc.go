// Package pages makes the console's pages: a file for each page, with the question that it answers, its blocks and its
// view model; templates and JSON are two forms of the same.
//
// What comes from clients, such as paths and agents, is hostile: it reaches pages through html/template only, and
// through the rules of mask.go.
package pages
