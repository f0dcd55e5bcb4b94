package main

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// The queries stand in files of their own to be read and used elsewhere.
var (
	//go:embed queries/overview.sql
	overviewSQL string
	//go:embed queries/by_api.sql
	byAPISQL string
	//go:embed queries/top_paths.sql
	topPathsSQL string
	//go:embed queries/slowest.sql
	slowestSQL string
	//go:embed queries/errors.sql
	errorsSQL string
)

// summarise prints what the store says about the traffic in it.
func (s *store) summarise(ctx context.Context, w io.Writer) error {
	if err := s.overview(ctx, w); err != nil {
		return err
	}
	for _, part := range []struct{ title, query string }{
		{"By API", byAPISQL},
		{"Busiest paths", topPathsSQL},
		{"Slowest calls", slowestSQL},
		{"Errors by status", errorsSQL},
	} {
		t, err := s.query(ctx, part.query)
		if err != nil {
			return fmt.Errorf("query the store (%s): %w", part.title, err)
		}
		if _, err := fmt.Fprintf(w, "\n%s\n%s", part.title, t); err != nil {
			return fmt.Errorf("write the summary: %w", err)
		}
	}
	return nil
}

func (s *store) overview(ctx context.Context, w io.Writer) error {
	var requests, apis, organisations, keys, errors int64
	var first, last string
	err := s.db.QueryRowContext(ctx, overviewSQL).Scan(&requests, &apis, &organisations, &keys, &errors, &first, &last)
	if err != nil {
		return fmt.Errorf("query the store: %w", err)
	}
	share := 0.0
	if requests > 0 {
		share = 100 * float64(errors) / float64(requests)
	}
	_, err = fmt.Fprintf(w, "\n%s requests to %d APIs of %d organisations with %s keys, %.1f%% errors (status 400 and above),\nfrom %s to %s UTC\n",
		group(requests), apis, organisations, group(keys), share, first, last)
	return err
}

// query runs a query and lays its rows out.
func (s *store) query(ctx context.Context, query string) (*table, error) {
	rows, err := s.db.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // Err tells what matters
	names, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	t := newTable(names)
	values, targets := make([]any, len(names)), make([]any, len(names))
	for i := range values {
		targets[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(targets...); err != nil {
			return nil, err
		}
		cells := make([]cell, len(names))
		for i, value := range values {
			cells[i] = present(names[i], value)
		}
		t.add(cells)
	}
	return t, rows.Err()
}

// present writes a value for people. The column "status" gets its meaning.
func present(column string, value any) cell {
	switch v := value.(type) {
	case int64:
		if column == "status" {
			return cell{text: fmt.Sprintf("%d %s", v, http.StatusText(int(v)))}
		}
		return cell{text: group(v), number: true}
	case float64:
		return cell{text: strconv.FormatFloat(v, 'f', 1, 64), number: true}
	case nil:
		return cell{text: "-"}
	case []byte:
		return cell{text: string(v)}
	default:
		return cell{text: fmt.Sprint(v)}
	}
}
