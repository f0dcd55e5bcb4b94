package tykmongoexporter

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/plaintext"
)

// bytesBesideBodies is what Tyk Pump reckons for a record beside its recorded request
// and response.
const bytesBesideBodies = 1024

// tooLarge stands in the place of a recorded response that is too large.
var tooLarge = base64.StdEncoding.EncodeToString([]byte("Document too large, not writing raw request and raw response!"))

// limitBodies leaves out what was recorded of a request and its response where both
// are larger than a document may be, and tells whether it did.
func limitBodies(r *analytics.Record, most int) bool {
	if len(r.RawRequest)+len(r.RawResponse)+bytesBesideBodies <= most {
		return false
	}
	r.RawRequest, r.RawResponse = "", tooLarge
	return true
}

// errRange says that BSON has no number that large.
var errRange = errors.New("number is out of range")

// appendRecord appends a record's document to dst (contract: records and raw stores,
// sections 2.3 and 4.8). The order of the fields is that of Tyk Pump.
func appendRecord(dst []byte, f form, id bson.ObjectID, r *analytics.Record) ([]byte, error) {
	if r.Geo.CityGeoNameID > math.MaxInt64 {
		return dst, fmt.Errorf("geo.city.geonameid: %d: %w", r.Geo.CityGeoNameID, errRange)
	}
	start, dst := bsoncore.AppendDocumentStart(dst)
	dst = bsoncore.AppendObjectIDElement(dst, "_id", id)
	switch f {
	case formGraph:
		dst = appendLists(dst, "types", r.GraphQL.Types)
	case formMCP:
		dst = appendText(dst, "jsonrpcmethod", r.MCP.JSONRPCMethod)
		dst = appendText(dst, "primitivetype", r.MCP.PrimitiveType)
		dst = appendText(dst, "primitivename", r.MCP.PrimitiveName)
	case formRequest, formUptime:
	}
	dst = appendFields(dst, r)
	if f == formGraph {
		dst = appendGraph(dst, r)
	}
	return end(dst, start), nil
}

// appendFields appends what all documents of requests have.
func appendFields(dst []byte, r *analytics.Record) []byte {
	dst = appendText(dst, "method", r.Method)
	dst = appendText(dst, "host", r.Host)
	dst = appendText(dst, "path", r.Path)
	dst = appendText(dst, "rawpath", r.RawPath)
	dst = bsoncore.AppendInt64Element(dst, "contentlength", r.ContentLength)
	dst = appendText(dst, "useragent", r.UserAgent)
	dst = appendInt(dst, "day", r.Day)
	dst = appendInt(dst, "month", r.Month)
	dst = appendInt(dst, "year", r.Year)
	dst = appendInt(dst, "hour", r.Hour)
	dst = appendInt(dst, "responsecode", r.ResponseCode)
	dst = appendText(dst, "apikey", r.APIKey)
	dst = appendTime(dst, "timestamp", r.TimeStamp)
	dst = appendText(dst, "apiversion", r.APIVersion)
	dst = appendText(dst, "apiname", r.APIName)
	dst = appendText(dst, "apiid", r.APIID)
	dst = appendText(dst, "orgid", r.OrgID)
	dst = appendText(dst, "oauthid", r.OauthID)
	dst = bsoncore.AppendInt64Element(dst, "requesttime", r.RequestTime)
	dst = appendText(dst, "rawrequest", r.RawRequest)
	dst = appendText(dst, "rawresponse", r.RawResponse)
	dst = appendText(dst, "ipaddress", r.IPAddress)
	dst = appendGeo(dst, &r.Geo)

	network, dst := bsoncore.AppendDocumentElementStart(dst, "network")
	dst = bsoncore.AppendInt64Element(dst, "openconnections", r.Network.OpenConnections)
	dst = bsoncore.AppendInt64Element(dst, "closedconnection", r.Network.ClosedConnections)
	dst = bsoncore.AppendInt64Element(dst, "bytesin", r.Network.BytesIn)
	dst = bsoncore.AppendInt64Element(dst, "bytesout", r.Network.BytesOut)
	dst = end(dst, network)

	latency, dst := bsoncore.AppendDocumentElementStart(dst, "latency")
	dst = bsoncore.AppendInt64Element(dst, "total", r.Latency.Total)
	dst = bsoncore.AppendInt64Element(dst, "upstream", r.Latency.Upstream)
	dst = bsoncore.AppendInt64Element(dst, "gateway", r.Latency.Gateway)
	dst = end(dst, latency)

	dst = appendTexts(dst, "tags", r.Tags)
	dst = appendText(dst, "alias", r.Alias)
	dst = bsoncore.AppendBooleanElement(dst, "trackpath", r.TrackPath)
	dst = appendTime(dst, "expireAt", r.ExpireAt)
	dst = appendText(dst, "originalpath", r.OriginalPath)
	return appendText(dst, "listenpath", r.ListenPath)
}

func appendGeo(dst []byte, g *analytics.Geo) []byte {
	geo, dst := bsoncore.AppendDocumentElementStart(dst, "geo")

	country, dst := bsoncore.AppendDocumentElementStart(dst, "country")
	dst = appendText(dst, "isocode", g.CountryISOCode)
	dst = end(dst, country)

	city, dst := bsoncore.AppendDocumentElementStart(dst, "city")
	dst = appendInt(dst, "geonameid", int64(g.CityGeoNameID)) //nolint:gosec // appendRecord has looked
	names, dst := bsoncore.AppendDocumentElementStart(dst, "names")
	if len(g.CityNames) > 0 {
		for _, language := range slices.Sorted(maps.Keys(g.CityNames)) {
			dst = appendText(dst, cleanKey(language), g.CityNames[language])
		}
	}
	dst = end(dst, names)
	dst = end(dst, city)

	location, dst := bsoncore.AppendDocumentElementStart(dst, "location")
	dst = bsoncore.AppendDoubleElement(dst, "latitude", g.Latitude)
	dst = bsoncore.AppendDoubleElement(dst, "longitude", g.Longitude)
	dst = appendText(dst, "timezone", g.TimeZone)
	dst = end(dst, location)

	return end(dst, geo)
}

// appendGraph appends what documents of GraphQL requests have at their end.
func appendGraph(dst []byte, r *analytics.Record) []byte {
	const firstError = 400 // of HTTP's status codes
	dst = appendText(dst, "operationtype", r.GraphQL.OperationType.Name())
	dst = appendText(dst, "variables", r.GraphQL.Variables)
	dst = appendTexts(dst, "rootfields", r.GraphQL.RootFields)
	faults, dst := bsoncore.AppendArrayElementStart(dst, "errors")
	for i := range r.GraphQL.Errors {
		fault, grown := bsoncore.AppendDocumentElementStart(dst, strconv.Itoa(i))
		dst = appendText(grown, "message", r.GraphQL.Errors[i].Message)
		path, grown := bsoncore.AppendArrayElementStart(dst, "path")
		dst = grown
		for step, value := range r.GraphQL.Errors[i].Path {
			switch v := value.(type) {
			case string:
				dst = appendText(dst, strconv.Itoa(step), v)
			case int64:
				dst = bsoncore.AppendInt64Element(dst, strconv.Itoa(step), v)
			}
		}
		dst = end(dst, path)
		dst = end(dst, fault)
	}
	dst = end(dst, faults)
	return bsoncore.AppendBooleanElement(dst, "haserrors", r.GraphQL.HasErrors || r.ResponseCode >= firstError)
}

// appendUptime appends an uptime check's document to dst (contract: records and raw
// stores, section 4.4).
func appendUptime(dst []byte, id bson.ObjectID, u *analytics.Uptime) []byte {
	start, dst := bsoncore.AppendDocumentStart(dst)
	dst = bsoncore.AppendObjectIDElement(dst, "_id", id)
	dst = appendText(dst, "url", u.URL)
	dst = bsoncore.AppendInt64Element(dst, "requesttime", u.RequestTime)
	dst = appendInt(dst, "responsecode", u.ResponseCode)
	dst = bsoncore.AppendBooleanElement(dst, "tcperror", u.TCPError)
	dst = bsoncore.AppendBooleanElement(dst, "servererror", u.ServerError)
	dst = appendInt(dst, "day", u.Day)
	dst = appendInt(dst, "month", u.Month)
	dst = appendInt(dst, "year", u.Year)
	dst = appendInt(dst, "hour", u.Hour)
	dst = appendInt(dst, "minute", u.Minute)
	dst = appendTime(dst, "timestamp", u.TimeStamp)
	dst = appendTime(dst, "expireAt", u.ExpireAt)
	dst = appendText(dst, "apiid", u.APIID)
	dst = appendText(dst, "orgid", u.OrgID)
	return end(dst, start)
}

// end writes the length of the document or array that began at start.
func end(dst []byte, start int32) []byte {
	dst = append(dst, 0)
	return bsoncore.UpdateLength(dst, start, int32(len(dst[start:]))) //nolint:gosec // of a document, far below 2 GB
}

// appendInt writes a number as the driver writes Go's int: in 32 bits where it fits.
func appendInt(dst []byte, key string, n int64) []byte {
	if n >= math.MinInt32 && n <= math.MaxInt32 {
		return bsoncore.AppendInt32Element(dst, key, int32(n))
	}
	return bsoncore.AppendInt64Element(dst, key, n)
}

func appendTime(dst []byte, key string, t time.Time) []byte {
	return bsoncore.AppendDateTimeElement(dst, key, t.UnixMilli())
}

func appendText(dst []byte, key, s string) []byte {
	return bsoncore.AppendStringElement(dst, key, plaintext.CleanUTF8(s))
}

func appendTexts(dst []byte, key string, list []string) []byte {
	array, dst := bsoncore.AppendArrayElementStart(dst, key)
	for i, s := range list {
		dst = appendText(dst, decimal(i), s)
	}
	return end(dst, array)
}

func appendLists(dst []byte, key string, lists map[string][]string) []byte {
	document, dst := bsoncore.AppendDocumentElementStart(dst, key)
	for _, name := range slices.Sorted(maps.Keys(lists)) {
		dst = appendTexts(dst, cleanKey(name), lists[name])
	}
	return end(dst, document)
}

// decimals are the first keys of arrays.
var decimals = func() (list [100]string) {
	for i := range list {
		list[i] = strconv.Itoa(i)
	}
	return list
}()

func decimal(i int) string {
	if i < len(decimals) {
		return decimals[i]
	}
	return strconv.Itoa(i)
}

// cleanKey is valid UTF-8 for a field's name, which cannot hold NUL.
func cleanKey(s string) string {
	return strings.ReplaceAll(plaintext.CleanUTF8(s), "\x00", "\uFFFD")
}
