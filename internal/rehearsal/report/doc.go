// Package report writes what a comparison found: a page in Markdown or HTML, or JSON.
package report
