package table

import "strings"

// Nothing is what Misnamed gives for a key that has no other name.
const Nothing = "nothing"

// misnamed are keys that documentation, examples and charts have, and nothing reads.
var misnamed = map[string]string{
	"enable_sniffing":      "use_sniffing",
	"description":          "help",
	"max_content_length":   "batch_max_content_length",
	"group_id":             Nothing,
	"log_field_name":       Nothing,
	"format":               Nothing,
	"use_mixed_collection": "use_mixed_collection in meta of a mongo-pump-aggregate pump",
	"health_endpoint":      "health_check_endpoint_name",
	"health_port":          "health_check_endpoint_port",
	"clean_json":           Nothing,
	"sasl_key":             Nothing,
}

// Misnamed gives the key that is meant by one that nothing reads, if that is known.
func Misnamed(key string) string { return misnamed[strings.ToLower(key)] }

// misnamedTypes are names of stores in the place of the types that write to them.
var misnamedTypes = map[string]string{
	"postgres": "sql", "postgresql": "sql", "mysql": "sql", "opensearch": "elasticsearch", "datadog": "dogstatsd", "mdcb": "hybrid",
}

// MisnamedType gives the type that is meant by one that does not exist, if that is known: some have another
// name in their variables.
func MisnamedType(name string) string {
	bare := strings.NewReplacer("-", "", "_", "").Replace(strings.ToUpper(name))
	for _, t := range Types() {
		if t.EnvName != "" && bare == strings.ReplaceAll(t.EnvName, "_", "") {
			return t.Name
		}
	}
	return misnamedTypes[strings.ToLower(name)]
}

// misnamedEnds are ends of variables that nothing reads, and those that are meant.
var misnamedEnds = []struct{ written, meant string }{
	{"_MONGODBTYPE", "_MONGO_DB_TYPE"},
	{"_ENABLESELFHEALING", "_ENABLEAGGREGATESELFHEALING"},
	{"_FILTERS_ORGIDS", "_FILTERS_ORGSIDS"},
	{"_FILTERS_SKIPORGIDS", "_FILTERS_SKIPPEDORGSIDS"},
	{"_FILTERS_SKIPAPIIDS", "_FILTERS_SKIPPEDAPIIDS"},
	{"_FILTERS_RESPONSECODE", "_FILTERS_RESPONSECODES"},
	{"_FILTERS_SKIPRESPONSECODES", "_FILTERS_SKIPPEDRESPONSECODES"},
	{"_INFLUX2_META_ORGANIZATION", "_INFLUX2_META_ORGNAME"},
	{"_INFLUX2_META_BUCKET", "_INFLUX2_META_BUCKETNAME"},
	{"_INFLUX2_META_ADDRESS", "_INFLUX2_META_ADDR"},
	{"_INFLUX_META_ADDRESS", "_INFLUX_META_ADDR"},
	{"_META_TIMESTREAMTABLENAME", "_META_TABLENAME"},
	{"_META_TIMESTREAMDATABASENAME", "_META_DATABASENAME"},
	{"_META_SASLUSERNAME", "_META_USERNAME"},
	{"_META_SASLPASSWORD", "_META_PASSWORD"},
	{"_META_SASLALGORITHM", "_META_ALGORITHM"},
	{"_PINGTIMEOUT", "_CALLTIMEOUT"},
	{"_HYBRID_META_GROUPID", ""},
}

// misnamedMiddles are the same inside of names, where what follows is the user's.
var misnamedMiddles = []struct{ written, meant string }{
	{"_META_FIELDNAMEMAPPINGS_", "_META_NAMEMAPPINGS=key:value"},
	{"_META_METADATA_", "_META_METADATA=key:value"},
}

// MisnamedVariable gives the variable that is meant by one that nothing reads, if that is known.
func MisnamedVariable(name string) string {
	for _, m := range misnamedEnds {
		if start, ok := strings.CutSuffix(name, m.written); ok && m.meant == "" {
			return Nothing
		} else if ok {
			return start + m.meant
		}
	}
	for _, m := range misnamedMiddles {
		if start, _, ok := strings.Cut(name, m.written); ok {
			return start + m.meant
		}
	}
	if meant := underscored(name); meant != "" {
		return meant
	}
	return sectionless(name)
}

// underscored finds a variable of a pump whose name has underscores, which end it.
func underscored(name string) string {
	rest, ok := strings.CutPrefix(name, PumpPrefix)
	if !ok {
		return ""
	}
	for _, t := range Types() {
		written := strings.ReplaceAll(strings.ToUpper(t.Name), "-", "_")
		if end, ok := strings.CutPrefix(rest, written+"_"); ok && strings.Contains(written, "_") {
			pump := PumpPrefix + strings.ReplaceAll(written, "_", "")
			return pump + "_" + end + " with " + pump + "_TYPE=" + t.Name
		}
	}
	return ""
}

// sectionless finds a variable of a pump that lacks META, as before 1.4.
func sectionless(name string) string {
	pump, field, ok := strings.Cut(strings.TrimPrefix(name, PumpPrefix), "_")
	if !ok || !strings.HasPrefix(name, PumpPrefix) {
		return ""
	}
	t := FindType(pump)
	if t == nil {
		return ""
	}
	for i := range t.Keys {
		if t.Keys[i].Variable() == field {
			return PumpPrefix + pump + "_META_" + field
		}
	}
	return ""
}
