package report

import (
	_ "embed"
	"html/template"
	"io"
)

//go:embed page.html
var pageText string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"sum":   total[string],
	"lines": lines,
}).Parse(pageText))

// HTML writes the report as a page of its own, without scripts.
func (r *Report) HTML(w io.Writer) error { return page.Execute(w, r) }
