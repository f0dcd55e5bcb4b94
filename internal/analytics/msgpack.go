package analytics

import "errors"

// The keys of the msgpack form in the order the gateway writes them, which is
// also the order of a struct's fields where it arrives as an array (contract:
// records and raw stores, section 2.1 and 2.3). The readers below switch on the
// index into these lists.
var (
	recordKeys = newMsgpackKeys(
		"Method", "Host", "Path", "RawPath", "ContentLength", "UserAgent",
		"Day", "Month", "Year", "Hour", "ResponseCode", "APIKey", "TimeStamp",
		"APIVersion", "APIName", "APIID", "OrgID", "OauthID", "RequestTime",
		"RawRequest", "RawResponse", "IPAddress", "Geo", "Network", "Latency",
		"Tags", "Alias", "TrackPath", "ExpireAt", "ApiSchema", "OriginalPath",
		"ListenPath", "GraphQLStats", "MCPStats", "CollectionName",
	)
	geoKeys      = newMsgpackKeys("Country", "City", "Location")
	countryKeys  = newMsgpackKeys("ISOCode")
	cityKeys     = newMsgpackKeys("GeoNameID", "Names")
	locationKeys = newMsgpackKeys("Latitude", "Longitude", "TimeZone")
	networkKeys  = newMsgpackKeys("OpenConnections", "ClosedConnection", "BytesIn", "BytesOut")
	latencyKeys  = newMsgpackKeys("Total", "Upstream", "Gateway")
	graphQLKeys  = newMsgpackKeys(
		"Variables", "RootFields", "Types", "Errors", "OperationType", "HasErrors", "IsGraphQL",
	)
	graphQLErrorKeys = newMsgpackKeys("Message", "Path")
	mcpKeys          = newMsgpackKeys("IsMCP", "JSONRPCMethod", "PrimitiveType", "PrimitiveName")
)

// What most records have in place of these structs: all fields, all zero. It is
// quicker to recognise as a whole.
var (
	emptyGeo     = string((&Geo{}).appendMsgpack(nil))
	emptyNetwork = string((&Network{}).appendMsgpack(nil))
	emptyGraphQL = string((&GraphQLStats{}).appendMsgpack(nil))
	emptyMCP     = string((&MCPStats{}).appendMsgpack(nil))
)

var errNoBytes = errors.New("entry has no bytes")

// DecodeMsgpack empties r and fills it from one entry of a msgpack list
// (contract: records and raw stores, section 2.1). It takes whatever the
// gateways' own library would take: keys in any order, missing or unknown ones,
// any width of integer, nil for anything but a time, structs as arrays, and
// bytes after the record. The error of an entry that is no record names the
// field and the byte where it stops making sense; r is then half filled.
//
// r's strings share memory with entry, which must not change afterwards.
func DecodeMsgpack(entry []byte, r *Record) error {
	r.Reset()
	if len(entry) == 0 {
		return errNoBytes
	}
	d := newMsgpackReader(entry)
	d.record(r)
	if d.err != nil {
		return d.err
	}
	return nil
}

func (d *msgpackReader) record(r *Record) {
	w := d.begin(recordKeys)
	for {
		// What next would find first, in place: the call is a third of the time.
		if at := w.field + 1; w.follows(at) && recordKeys[at].starts(d.entry[d.pos:]) {
			d.pos += 1 + len(recordKeys[at].name)
			w.field = at
			w.left--
		} else if !d.next(&w) {
			return
		}
		switch w.field {
		case 0:
			r.Method = d.str()
		case 1:
			r.Host = d.str()
		case 2:
			r.Path = d.str()
		case 3:
			r.RawPath = d.str()
		case 4:
			r.ContentLength = d.int()
		case 5:
			r.UserAgent = d.str()
		case 6:
			r.Day = d.int()
		case 7:
			r.Month = d.int()
		case 8:
			r.Year = d.int()
		case 9:
			r.Hour = d.int()
		case 10:
			r.ResponseCode = d.int()
		case 11:
			r.APIKey = d.str()
		case 12:
			r.TimeStamp = d.time()
		case 13:
			r.APIVersion = d.str()
		case 14:
			r.APIName = d.str()
		case 15:
			r.APIID = d.str()
		case 16:
			r.OrgID = d.str()
		case 17:
			r.OauthID = d.str()
		case 18:
			r.RequestTime = d.int()
		case 19:
			r.RawRequest = d.str()
		case 20:
			r.RawResponse = d.str()
		case 21:
			r.IPAddress = d.str()
		case 22:
			if !d.take(emptyGeo) {
				d.geo(&r.Geo)
			}
		case 23:
			if !d.take(emptyNetwork) {
				d.network(&r.Network)
			}
		case 24:
			d.latency(&r.Latency)
		case 25:
			r.Tags = d.strs(r.Tags[:0])
		case 26:
			r.Alias = d.str()
		case 27:
			r.TrackPath = d.bool()
		case 28:
			r.ExpireAt = d.time()
		case 29:
			r.APISchema = d.str()
		case 30:
			r.OriginalPath = d.str()
		case 31:
			r.ListenPath = d.str()
		case 32:
			if !d.take(emptyGraphQL) {
				d.graphQL(&r.GraphQL)
			}
		case 33:
			if !d.take(emptyMCP) {
				d.mcp(&r.MCP)
			}
		default: // CollectionName, always empty
			d.skip()
		}
	}
}

func (d *msgpackReader) geo(g *Geo) {
	for w := d.begin(geoKeys); d.next(&w); {
		switch w.field {
		case 0:
			for w := d.begin(countryKeys); d.next(&w); {
				g.CountryISOCode = d.str()
			}
		case 1:
			for w := d.begin(cityKeys); d.next(&w); {
				switch w.field {
				case 0:
					g.CityGeoNameID = uint64(d.int())
				default:
					g.CityNames = d.names(g.CityNames)
				}
			}
		default:
			for w := d.begin(locationKeys); d.next(&w); {
				switch w.field {
				case 0:
					g.Latitude = d.float()
				case 1:
					g.Longitude = d.float()
				default:
					g.TimeZone = d.str()
				}
			}
		}
	}
}

func (d *msgpackReader) network(n *Network) {
	for w := d.begin(networkKeys); d.next(&w); {
		switch w.field {
		case 0:
			n.OpenConnections = d.int()
		case 1:
			n.ClosedConnections = d.int()
		case 2:
			n.BytesIn = d.int()
		default:
			n.BytesOut = d.int()
		}
	}
}

func (d *msgpackReader) latency(l *Latency) {
	for w := d.begin(latencyKeys); d.next(&w); {
		switch w.field {
		case 0:
			l.Total = d.int()
		case 1:
			l.Upstream = d.int()
		default:
			l.Gateway = d.int()
		}
	}
}

func (d *msgpackReader) graphQL(g *GraphQLStats) {
	for w := d.begin(graphQLKeys); d.next(&w); {
		switch w.field {
		case 0:
			g.Variables = d.str()
		case 1:
			g.RootFields = d.strs(g.RootFields[:0])
		case 2:
			g.Types = d.types()
		case 3:
			g.Errors = d.graphQLErrors()
		case 4:
			g.OperationType = OperationType(d.int())
		case 5:
			g.HasErrors = d.bool()
		default:
			g.IsGraphQL = d.bool()
		}
	}
}

func (d *msgpackReader) graphQLErrors() []GraphQLError {
	n := d.arrayHeader()
	if n == 0 {
		return nil
	}
	list := make([]GraphQLError, 0, min(n, maxPreallocated))
	for range n {
		if d.err != nil {
			return nil
		}
		var e GraphQLError
		for w := d.begin(graphQLErrorKeys); d.next(&w); {
			switch w.field {
			case 0:
				e.Message = d.str()
			default:
				e.Path = d.path()
			}
		}
		list = append(list, e)
	}
	return list
}

func (d *msgpackReader) mcp(m *MCPStats) {
	for w := d.begin(mcpKeys); d.next(&w); {
		switch w.field {
		case 0:
			m.IsMCP = d.bool()
		case 1:
			m.JSONRPCMethod = d.str()
		case 2:
			m.PrimitiveType = d.str()
		default:
			m.PrimitiveName = d.str()
		}
	}
}
