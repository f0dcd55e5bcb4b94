package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// inFolder writes a pump.conf into the folder in which the test then is.
func inFolder(t *testing.T, text string) *operator {
	t.Helper()
	dir := t.TempDir()
	t.Chdir(dir)
	t.Setenv("TZ", "UTC")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "pump.conf"), []byte(text), 0o600))
	return newOperator(t, nil)
}

const twoPumps = `{"purge_delay": 10, "dont_purge_uptime_data": true, "pumps": {
	"timestream": {"meta": {"aws_region": "x"}},
	"sql": {"meta": {"type": "postgres", "connection_string": "host=db.test password=s3cret dbname=tyk"}}}}`

func TestConvertPrintsTheConfigurationAndWhatItLeftOut(t *testing.T) {
	o := inFolder(t, twoPumps)
	a := o.run("convert")
	assert.Equal(t, exitFailed, a.status, "something was left out")
	assert.Contains(t, a.stderr, "pump.conf: 1 error, 1 warning\nERROR pumps.timestream: type timestream: otelcol-tyk has no exporter for Timestream")
	assert.Contains(t, a.stdout, "group: pump-postgres.db.test_5432.tyk")
	assert.Contains(t, a.stdout, `datasource: "${env:TYKPUMP_PUMPS_SQL_META_CONNECTION_STRING}" # <- pumps.sql.meta.connection_string`)
	assert.Contains(t, a.stdout, "# Left out:\n#   ERROR pumps.timestream")
	assert.Contains(t, a.stdout, "doubled:\n#   TYKPUMP_PUMPS_SQL_META_CONNECTION_STRING\n")
	assert.NotContains(t, a.stdout+a.stderr, "s3cret")

	a = o.run("convert", "-skip", "timestream", "pump.conf")
	assert.Equal(t, exitOK, a.status, a.stderr)
	assert.Contains(t, a.stderr, "WARN pumps.timestream: is skipped")
	assert.Contains(t, o.ok("convert", "-skip", "timestream", "-show-secrets"), `datasource: "host=db.test password=s3cret dbname=tyk"`)
}

// TestConvertFailsWhereTheStartWould has a password with which the exporter would refuse the URL.
func TestConvertFailsWhereTheStartWould(t *testing.T) {
	o := inFolder(t, `{"purge_delay": 10, "dont_purge_uptime_data": true, "pumps": {"sql": {"meta": {"type": "postgres", "connection_string": "postgres://u:s3cret#x@h/d"}}}}`)
	a := o.run("convert")
	assert.Equal(t, exitFailed, a.status)
	assert.Contains(t, a.stderr, "ERROR pumps.sql.meta.connection_string (variable TYK_PMP_PUMPS_SQL_META_CONNECTIONSTRING): the value (not shown, it may hold a password) is a URL with an @ behind its host")
	assert.NotContains(t, a.stdout+a.stderr, "s3cret")
}

func TestConvertRefusesWhatIsNoConfiguration(t *testing.T) {
	o := inFolder(t, `{"pumps": {},}`)
	a := o.run("convert")
	assert.Equal(t, exitFailed, a.status)
	assert.Empty(t, a.stdout)
	assert.Contains(t, a.stderr, "pump.conf:1:14: there is a comma too many before this: take it out")
	a = o.run("convert", "a", "b")
	assert.Equal(t, exitFailed, a.status)
	assert.Contains(t, a.stderr, `unexpected argument "b": name one file`)
}

func TestExplainAnswersInThreeLines(t *testing.T) {
	t.Parallel()
	o := newOperator(t, nil)
	o.env["TYK_PMP_PUMPS_MAIN_TYPE"] = "sql"
	assert.Equal(t, "Tyk Pump: a table for each day (pumps.<name>.meta.table_sharding; TYK_PMP_PUMPS_<NAME>_META_TABLESHARDING; boolean, default false; "+
		"type sql, sql_aggregate, sql-graph, sql-graph-aggregate, sql-mcp, sql-mcp-aggregate)\nhere: tyksql's table_sharding\nwhy: it means the same there\n",
		o.ok("explain", "TYK_PMP_PUMPS_MAIN_META_TABLESHARDING"))
	for args, want := range map[string]string{"": "name one key or variable", "nosuch": `"nosuch" is no key and no variable that Tyk Pump reads`} {
		a := o.run("explain " + args)
		assert.Equal(t, exitFailed, a.status)
		assert.Contains(t, a.stderr, want)
	}
}
