// Command flux reads queries of InfluxDB 2 with InfluxData's own parser, and tells which points they select. It is a
// module of its own, so that what it needs is in no other.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/influxdata/flux/ast"
	"github.com/influxdata/flux/parser"
)

// input is what comes from standard input.
type input struct {
	Queries []string         `json:"queries"`
	Points  []map[string]any `json:"points"`
}

// answer is what is told of a query.
type answer struct {
	Error    string   `json:"error,omitempty"`
	Bucket   string   `json:"bucket"`
	Columns  []string `json:"columns"` // that are grouped by or listed
	Selected []int    `json:"selected"`
}

func main() {
	var in input
	if err := json.NewDecoder(os.Stdin).Decode(&in); err != nil {
		fmt.Fprintln(os.Stderr, "read queries and points:", err)
		os.Exit(1)
	}
	answers := make([]answer, len(in.Queries))
	for i, text := range in.Queries {
		a, err := run(text, in.Points)
		if err != nil {
			a.Error = err.Error()
		}
		answers[i] = a
	}
	if err := json.NewEncoder(os.Stdout).Encode(answers); err != nil {
		fmt.Fprintln(os.Stderr, "write answers:", err)
		os.Exit(1)
	}
}

// run parses a query and applies its filters to the points.
func run(text string, points []map[string]any) (answer, error) {
	parsed := parser.ParseSource(text)
	if ast.Check(parsed) > 0 {
		return answer{}, fmt.Errorf("parse: %w", ast.GetError(parsed))
	}
	var a answer
	var filters []ast.Node
	ast.Walk(ast.CreateVisitor(func(node ast.Node) {
		property, ok := node.(*ast.Property)
		if !ok {
			return
		}
		switch property.Key.Key() {
		case "bucket":
			a.Bucket = strings.Join(texts(property.Value), ",")
		case "tag", "columns":
			a.Columns = append(a.Columns, texts(property.Value)...)
		case "fn":
			if function, ok := property.Value.(*ast.FunctionExpression); ok {
				filters = append(filters, function.Body)
			}
		}
	}), parsed)
	for i, point := range points {
		selected := true
		for _, filter := range filters {
			value, err := evaluate(filter, point)
			if err != nil {
				return a, err
			}
			selected = selected && value == true
		}
		if selected {
			a.Selected = append(a.Selected, i)
		}
	}
	return a, nil
}

// texts are those of a literal or a list of them; what is no text is an empty one.
func texts(expression ast.Expression) []string {
	switch e := expression.(type) {
	case *ast.StringLiteral:
		return []string{e.Value}
	case *ast.ArrayExpression:
		var all []string
		for _, element := range e.Elements {
			all = append(all, texts(element)...)
		}
		return all
	}
	return []string{""}
}

// evaluate reads an expression about a point.
func evaluate(expression ast.Node, point map[string]any) (any, error) {
	switch e := expression.(type) {
	case *ast.ParenExpression:
		return evaluate(e.Expression, point)
	case *ast.StringLiteral:
		return e.Value, nil
	case *ast.IntegerLiteral:
		return float64(e.Value), nil
	case *ast.FloatLiteral:
		return e.Value, nil
	case *ast.MemberExpression:
		return point[e.Property.Key()], nil
	case *ast.LogicalExpression:
		left, err := evaluate(e.Left, point)
		if err != nil || (left == true) == (e.Operator == ast.OrOperator) {
			return left, err
		}
		return evaluate(e.Right, point)
	case *ast.BinaryExpression:
		return compare(e, point)
	}
	return nil, fmt.Errorf("a filter with %T is not understood", expression)
}

func compare(e *ast.BinaryExpression, point map[string]any) (any, error) {
	left, err := evaluate(e.Left, point)
	if err != nil {
		return nil, err
	}
	if pattern, ok := e.Right.(*ast.RegexpLiteral); ok && e.Operator == ast.RegexpMatchOperator {
		text, isText := left.(string)
		return isText && pattern.Value.MatchString(text), nil
	}
	right, err := evaluate(e.Right, point)
	if err != nil {
		return nil, err
	}
	switch e.Operator {
	case ast.EqualOperator:
		return left == right, nil
	case ast.GreaterThanOperator:
		more, isNumber := left.(float64)
		less, alsoNumber := right.(float64)
		return isNumber && alsoNumber && more > less, nil
	}
	return nil, fmt.Errorf("the operator %s is not understood", e.Operator)
}
