package analytics

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

// Groups of fields of which ToLog leaves some out where they follow from the
// others. When one of a group changes, those left out must be decided anew.
var (
	pathFields = NewFieldSet(FieldPath, FieldRawPath)
	timeFields = NewFieldSet(FieldLatency, FieldRequestTime)
	dateFields = NewFieldSet(FieldTimeStamp, FieldDay, FieldMonth, FieldYear, FieldHour)

	linkedFields  = pathFields | timeFields | dateFields
	derivedFields = NewFieldSet(FieldRawPath, FieldRequestTime, FieldDay, FieldMonth, FieldYear, FieldHour)
)

// ClearFields empties fields of a record in the form that ToLog writes: FromLog
// then gives the record as it was with exactly these fields zero. So a field
// that stays, and that was left out because it followed from one that goes, is
// written out: RawPath from Path, RequestTime from Latency, and Day, Month, Year
// and Hour from TimeStamp.
//
// What OpenTelemetry keeps beside the fields stays: event name, identity,
// severity, trace id and observed timestamp. So do attributes of no field.
func ClearFields(lr plog.LogRecord, fields FieldSet) {
	if fields == 0 {
		return
	}
	attrs := lr.Attributes()
	remove := fields
	rewrite := fields.touched() & derivedFields
	var r Record
	if rewrite != 0 {
		r.takeLinked(lr)
		remove |= rewrite
	}
	attrs.RemoveIf(func(key string, _ pcommon.Value) bool {
		return remove.Has(attributeField(key))
	})
	if fields.Has(FieldTimeStamp) {
		lr.SetTimestamp(0)
	}
	if rewrite != 0 {
		r.Clear(fields)
		r.putDerived(attrs, rewrite)
	}
}

// RemoveAttributes takes away the attributes of fields, of whatever carries the
// names of attributes.go: a gateway's spans do.
func RemoveAttributes(attrs pcommon.Map, fields FieldSet) {
	attrs.RemoveIf(func(key string, _ pcommon.Value) bool {
		return fields.Has(attributeField(key))
	})
}

// touched are all fields of the groups in which s has one.
func (s FieldSet) touched() FieldSet {
	var t FieldSet
	for _, group := range [...]FieldSet{pathFields, timeFields, dateFields} {
		if s&group != 0 {
			t |= group
		}
	}
	return t
}

// takeLinked reads the fields of the groups as FromLog does.
func (r *Record) takeLinked(lr plog.LogRecord) {
	const second = uint64(time.Second)
	if ts := uint64(lr.Timestamp()); ts != 0 {
		r.TimeStamp = time.Unix(int64(ts/second), int64(ts%second)).UTC()
	}
	var seen logReading
	for key, value := range lr.Attributes().All() {
		if linkedFields.Has(attributeField(key)) {
			r.take(key, value, &seen)
		}
	}
	if !seen.rawPath {
		r.RawPath = r.Path
	}
	if !seen.requestTime {
		r.RequestTime = r.Latency.Total
	}
	r.completeCalendar(&seen)
}

// putDerived writes those of the fields that do not follow from the others, as
// ToLog does. None of them may have an attribute yet.
func (r *Record) putDerived(attrs pcommon.Map, fields FieldSet) {
	if fields.Has(FieldRawPath) && r.RawPath != r.Path {
		attrs.PutStr(AttrRawPath, r.RawPath)
	}
	if fields.Has(FieldRequestTime) && r.RequestTime != r.Latency.Total {
		attrs.PutInt(AttrRequestTime, r.RequestTime)
	}
	if fields&dateFields == 0 {
		return
	}
	day, month, year, hour := calendar(r.TimeStamp)
	if r.Day != day {
		attrs.PutInt(AttrDay, r.Day)
	}
	if r.Month != month {
		attrs.PutInt(AttrMonth, r.Month)
	}
	if r.Year != year {
		attrs.PutInt(AttrYear, r.Year)
	}
	if r.Hour != hour {
		attrs.PutInt(AttrHour, r.Hour)
	}
}

// Clear zeroes fields, as a decoded record without them would be.
func (r *Record) Clear(fields FieldSet) {
	for f := range fieldCount {
		if fields.Has(f) {
			r.clear(f)
		}
	}
}

func (r *Record) clear(f Field) {
	switch f {
	case FieldContentLength:
		r.ContentLength = 0
	case FieldDay:
		r.Day = 0
	case FieldMonth:
		r.Month = 0
	case FieldYear:
		r.Year = 0
	case FieldHour:
		r.Hour = 0
	case FieldResponseCode:
		r.ResponseCode = 0
	case FieldTimeStamp:
		r.TimeStamp = time.Time{}
	case FieldRequestTime:
		r.RequestTime = 0
	case FieldGeo:
		r.Geo = Geo{}
	case FieldGeoCity:
		clear(r.Geo.CityNames)
		r.Geo.CityGeoNameID = 0
	case FieldGeoLocation:
		r.Geo.Latitude, r.Geo.Longitude, r.Geo.TimeZone = 0, 0, ""
	case FieldNetwork:
		r.Network = Network{}
	case FieldLatency:
		r.Latency = Latency{}
	case FieldTags:
		r.Tags = r.Tags[:0]
	case FieldTrackPath:
		r.TrackPath = false
	case FieldExpireAt:
		r.ExpireAt = time.Time{}
	case FieldGraphQL:
		r.GraphQL = GraphQLStats{}
	case FieldMCP:
		r.MCP = MCPStats{}
	default:
		r.clearText(f)
	}
}

func (r *Record) clearText(f Field) {
	switch f {
	case FieldMethod:
		r.Method = ""
	case FieldHost:
		r.Host = ""
	case FieldPath:
		r.Path = ""
	case FieldRawPath:
		r.RawPath = ""
	case FieldUserAgent:
		r.UserAgent = ""
	case FieldAPIKey:
		r.APIKey = ""
	case FieldAPIVersion:
		r.APIVersion = ""
	case FieldAPIName:
		r.APIName = ""
	case FieldAPIID:
		r.APIID = ""
	case FieldOrgID:
		r.OrgID = ""
	case FieldOauthID:
		r.OauthID = ""
	case FieldRawRequest:
		r.RawRequest = ""
	case FieldRawResponse:
		r.RawResponse = ""
	case FieldIPAddress:
		r.IPAddress = ""
	case FieldAlias:
		r.Alias = ""
	case FieldAPISchema:
		r.APISchema = ""
	case FieldOriginalPath:
		r.OriginalPath = ""
	case FieldListenPath:
		r.ListenPath = ""
	}
}

// attributeField is the field that an attribute belongs to, fieldCount when none.
func attributeField(key string) Field {
	switch key {
	case AttrMethod:
		return FieldMethod
	case AttrServerAddress, AttrServerPort:
		return FieldHost
	case AttrPath:
		return FieldPath
	case AttrRawPath:
		return FieldRawPath
	case AttrContentLength:
		return FieldContentLength
	case AttrUserAgent:
		return FieldUserAgent
	case AttrDay:
		return FieldDay
	case AttrMonth:
		return FieldMonth
	case AttrYear:
		return FieldYear
	case AttrHour:
		return FieldHour
	case AttrResponseCode:
		return FieldResponseCode
	case AttrAPIKey:
		return FieldAPIKey
	case AttrTimestamp:
		return FieldTimeStamp
	case AttrAPIVersion:
		return FieldAPIVersion
	case AttrAPIName:
		return FieldAPIName
	case AttrAPIID:
		return FieldAPIID
	case AttrOrgID:
		return FieldOrgID
	case AttrOauthID:
		return FieldOauthID
	case AttrRequestTime:
		return FieldRequestTime
	case AttrRawRequest:
		return FieldRawRequest
	case AttrRawResponse:
		return FieldRawResponse
	case AttrClientAddress, attrPeerAddress:
		return FieldIPAddress
	case AttrLatencyTotal, AttrLatencyUpstream, AttrLatencyGateway:
		return FieldLatency
	case AttrTags:
		return FieldTags
	case AttrAlias:
		return FieldAlias
	case AttrTrackPath:
		return FieldTrackPath
	case AttrExpireAt:
		return FieldExpireAt
	case AttrAPISchema:
		return FieldAPISchema
	case AttrOriginalPath:
		return FieldOriginalPath
	case AttrListenPath:
		return FieldListenPath
	}
	return groupField(key)
}

// groupField is attributeField for the groups that few records have.
func groupField(key string) Field {
	switch key {
	case AttrGeoCountry:
		return FieldGeo
	case AttrGeoCity, AttrGeoNames, AttrGeoNameID:
		return FieldGeoCity
	case AttrGeoLatitude, AttrGeoLongitude, AttrGeoTimeZone:
		return FieldGeoLocation
	case AttrNetworkOpen, AttrNetworkClosed, AttrNetworkBytesIn, AttrNetworkBytesOut:
		return FieldNetwork
	case AttrGraphQL, AttrGraphQLOperation, AttrGraphQLOperationID, AttrGraphQLVariables,
		AttrGraphQLRootFields, AttrGraphQLTypes, AttrGraphQLErrors, AttrGraphQLHasErrors,
		attrGraphQLDocument, attrGraphQLName:
		return FieldGraphQL
	case AttrMCP, AttrMCPMethod, AttrMCPPrimitiveType, AttrMCPPrimitiveName, attrMCPTool:
		return FieldMCP
	}
	return fieldCount
}
