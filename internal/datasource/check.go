package datasource

// CheckWritable is Check for who stores records, of which a file of SQLite has to be one to write to.
func CheckWritable(driver, text string) error {
	if driver == "sqlite" {
		return CheckSQLite(text)
	}
	return Check(driver, text)
}

// Check refuses a datasource that a driver, one of postgres, mysql and sqlite, cannot use.
func Check(driver, text string) error {
	var err error
	switch driver {
	case "postgres":
		_, err = Postgres(text, "", false)
	case "mysql":
		_, err = MySQL(text, TLS{})
	case "sqlite":
		_, err = SQLite(text, nil)
	}
	return err
}
