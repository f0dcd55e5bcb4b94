package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	_ "modernc.org/sqlite" // the driver "sqlite", which FerretDB uses too
)

// catalogue is the table in which FerretDB lists collections and their indexes.
const catalogue = "_ferretdb_collections"

// remnants are queries for what FerretDB leaves when it is killed while it makes a
// collection or an index, which it does in several steps, and the statements that
// remove it. MongoDB makes each whole or not at all; FerretDB would forget the unique
// index of _id, or fail for ever to make another. No document is ever in what is removed:
// it would have come after the last step.
var remnants = []struct{ find, remove string }{
	{
		"select name from " + catalogue + ` where not exists (
		select 1 from json_each(settings, '$.indexes') where json_extract(value, '$.name') = '_id_')`,
		"delete from " + catalogue + " where name = '%s'",
	},
	{`select name from sqlite_master where type = 'table' and name <> '` + catalogue + `' and name not like 'sqlite\_%' escape '\'
		and name not in (select table_name from ` + catalogue + ")", `drop table "%s"`},
	{`select name from sqlite_master where type = 'index' and sql is not null and name not in (
		select table_name || '_' || json_extract(value, '$.name') from ` + catalogue + ", json_each(settings, '$.indexes'))", `drop index "%s"`},
}

// repair removes the remnants of a killed process from all databases of a directory.
func repair(ctx context.Context, dir string) error {
	files, err := filepath.Glob(filepath.Join(dir, "*.sqlite"))
	if err != nil {
		return fmt.Errorf("list the databases: %w", err)
	}
	for _, file := range files {
		if err := repairFile(ctx, file); err != nil {
			return fmt.Errorf("repair %s: %w", file, err)
		}
	}
	return nil
}

func repairFile(ctx context.Context, file string) (err error) {
	db, err := sql.Open("sqlite", "file:"+file)
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	defer func() { err = errors.Join(err, db.Close()) }()
	made, err := texts(ctx, db, "select name from sqlite_master where name = '"+catalogue+"'")
	if err != nil {
		return err
	}
	if len(made) == 0 { // not even begun
		return errors.Join(os.Remove(file), removeIfThere(file+"-wal"), removeIfThere(file+"-shm"))
	}
	for _, kind := range remnants {
		names, err := texts(ctx, db, kind.find)
		if err != nil {
			return err
		}
		for _, name := range names {
			if _, err := db.ExecContext(ctx, fmt.Sprintf(kind.remove, name)); err != nil {
				return err
			}
		}
	}
	return nil
}

func removeIfThere(file string) error {
	if err := os.Remove(file); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// texts reads the only column of a query.
func texts(ctx context.Context, db *sql.DB, query string) (list []string, err error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		list = append(list, text)
	}
	return list, rows.Err()
}
