package tykmongoexporter

import (
	"strconv"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/otelcol-tyk/otelcol-tyk/internal/rollup"
)

// appendCounter appends the fields of a counter (contract: aggregates, sections 1.3
// and 2.5). An element of a list has all of them; a counter of its own lacks those
// that Tyk Pump leaves out: minima while nothing succeeded, and a map of errors without any.
func appendCounter(dst []byte, c *rollup.Counter, d rollup.Dimension, element bool) []byte {
	mean := func(total int64) float64 {
		if c.Hits == 0 {
			return 0
		}
		return float64(total) / float64(c.Hits)
	}
	dst = appendInt(dst, "hits", c.Hits)
	dst = appendInt(dst, "success", c.Success)
	dst = appendInt(dst, "errortotal", c.Errors)
	dst = bsoncore.AppendDoubleElement(dst, "requesttime", mean(c.RequestTime))
	dst = bsoncore.AppendDoubleElement(dst, "totalrequesttime", float64(c.RequestTime))
	dst = appendText(dst, "identifier", c.Identifier)
	dst = appendText(dst, "humanidentifier", c.HumanIdentifier)
	dst = appendTime(dst, "lasttime", c.LastTime)
	if element || !mcpDimension(d) {
		dst = bsoncore.AppendInt64Element(dst, "openconnections", c.OpenConnections)
		dst = bsoncore.AppendInt64Element(dst, "closedconnections", c.ClosedConnections)
		dst = bsoncore.AppendInt64Element(dst, "bytesin", c.BytesIn)
		dst = bsoncore.AppendInt64Element(dst, "bytesout", c.BytesOut)
	}
	succeeded := c.MinRank(d) == rollup.RankSucceeded
	least := func(s rollup.Span) int64 {
		if !succeeded {
			return 0
		}
		return s.Min
	}
	dst = bsoncore.AppendInt64Element(dst, "maxupstreamlatency", c.Upstream.Max)
	dst = bsoncore.AppendInt64Element(dst, "totalupstreamlatency", c.Upstream.Total)
	dst = bsoncore.AppendDoubleElement(dst, "upstreamlatency", mean(c.Upstream.Total))
	dst = bsoncore.AppendInt64Element(dst, "maxlatency", c.Latency.Max)
	dst = bsoncore.AppendInt64Element(dst, "totallatency", c.Latency.Total)
	dst = bsoncore.AppendDoubleElement(dst, "latency", mean(c.Latency.Total))
	if element || succeeded {
		dst = bsoncore.AppendInt64Element(dst, "minupstreamlatency", least(c.Upstream))
		dst = bsoncore.AppendInt64Element(dst, "minlatency", least(c.Latency))
	}
	if element || len(c.Codes) > 0 {
		codes, grown := bsoncore.AppendDocumentElementStart(dst, "errormap")
		dst = grown
		for _, code := range c.Codes {
			dst = appendInt(dst, strconv.FormatInt(code.Code, 10), code.Count)
		}
		dst = end(dst, codes)
	}
	list, dst := bsoncore.AppendArrayElementStart(dst, "errorlist")
	for i, code := range byText(c.Codes) {
		one, grown := bsoncore.AppendDocumentElementStart(dst, decimal(i))
		dst = bsoncore.AppendStringElement(grown, "code", strconv.FormatInt(code.Code, 10))
		dst = appendInt(dst, "count", code.Count)
		dst = end(dst, one)
	}
	return end(dst, list)
}

// mcpDimension tells the dimensions whose counters lack what only connections have.
func mcpDimension(d rollup.Dimension) bool {
	return d == rollup.Methods || d == rollup.Primitives || d == rollup.Names
}

// readCounter reads what appendCounter, or Tyk Pump, wrote. It tells whether it is a
// counter at all: Tyk Pump makes documents of values with dots.
func readCounter(from bson.Raw, c *rollup.Counter) bool {
	*c = rollup.Counter{}
	elements, err := from.Elements()
	if err != nil {
		return false
	}
	counter := false
	for _, e := range elements {
		value := e.Value()
		switch key := e.Key(); key {
		case "hits":
			c.Hits, counter = number(value), true
		case "success":
			c.Success = number(value)
		case "errortotal":
			c.Errors = number(value)
		case "totalrequesttime":
			c.RequestTime = number(value)
		case "identifier":
			c.Identifier, _ = value.StringValueOK()
		case "humanidentifier":
			c.HumanIdentifier, _ = value.StringValueOK()
		case "lasttime":
			c.LastTime = instant(value)
		case "openconnections":
			c.OpenConnections = number(value)
		case "closedconnections":
			c.ClosedConnections = number(value)
		case "bytesin":
			c.BytesIn = number(value)
		case "bytesout":
			c.BytesOut = number(value)
		case "errormap":
			readCodes(value, c)
		default:
			readLatency(key, value, c)
		}
	}
	return counter
}

func readLatency(key string, value bson.RawValue, c *rollup.Counter) {
	switch key {
	case "totalupstreamlatency":
		c.Upstream.Total = number(value)
	case "maxupstreamlatency":
		c.Upstream.Max = number(value)
	case "minupstreamlatency":
		c.Upstream.Min = number(value)
	case "totallatency":
		c.Latency.Total = number(value)
	case "maxlatency":
		c.Latency.Max = number(value)
	case "minlatency":
		c.Latency.Min = number(value)
	}
}

func readCodes(from bson.RawValue, c *rollup.Counter) {
	document, ok := from.DocumentOK()
	if !ok {
		return
	}
	elements, err := document.Elements()
	if err != nil {
		return
	}
	var codes rollup.Counter
	for _, e := range elements {
		if code, err := strconv.ParseInt(e.Key(), 10, 64); err == nil {
			codes.Codes = []rollup.CodeCount{{Code: code, Count: number(e.Value())}}
			c.Add(&codes, rollup.Errors)
		}
	}
}

// number reads a number of any type, as the nearest integer below.
func number(value bson.RawValue) int64 {
	n, _ := value.AsInt64OK()
	return n
}

func instant(value bson.RawValue) time.Time {
	ms, ok := value.DateTimeOK()
	if !ok {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
