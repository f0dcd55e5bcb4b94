package analytics

import "github.com/otelcol-tyk/otelcol-tyk/internal/slab"

// The parts of a place as gateways write them.
const (
	placeCountry   = "\x83\xa7Country\x81\xa7ISOCode"
	placeCity      = "\xa4City\x82\xa9GeoNameID"
	placeNames     = "\xa5Names"
	placeLatitude  = "\xa8Location\x83\xa8Latitude"
	placeLongitude = "\xa9Longitude"
	placeZone      = "\xa8TimeZone"
)

// place reads a Geo.
func (d *MsgpackLogs) place() {
	seen := d.placeSeen()
	if d.again(seen, 1) {
		return
	}
	since := d.before()
	if !d.key(keyGeo) {
		return
	}
	start := d.pos
	var g Geo
	var names cityNames
	ok := d.take(placeCountry)
	if ok {
		g.CountryISOCode = d.str()
		ok = d.take(placeCity)
	}
	if ok {
		g.CityGeoNameID = uint64(d.int())
		ok = d.take(placeNames) && names.read(&d.msgpackReader)
	}
	if ok {
		ok = d.take(placeLatitude)
	}
	if ok {
		g.Latitude = d.float()
		ok = d.take(placeLongitude)
	}
	if ok {
		g.Longitude = d.float()
		ok = d.take(placeZone)
	}
	if ok {
		g.TimeZone = d.str()
	} else {
		d.pos, g, names = start, Geo{}, cityNames{}
		d.geo(&g)
	}
	if !d.wants(keyGeo) {
		return
	}
	if d.ignored.Has(FieldGeoCity) {
		g.CityGeoNameID, g.CityNames, names = 0, nil, cityNames{}
	}
	if d.ignored.Has(FieldGeoLocation) {
		g.Latitude, g.Longitude, g.TimeZone = 0, 0, ""
	}
	if len(g.CityNames) > 0 {
		g.put(d.room, &d.to)
		return
	}
	g.putPlace(&d.to)
	d.to.name(AttrGeoCity, names.english)
	kept := d.keep(seen, since, 1)
	if names.n == 0 {
		return
	}
	inner := names.into(d.room)
	if kept {
		seen.names, _ = inner.Run(0)
	}
	d.to.Map(AttrGeoNames, &inner)
}

// placeSeen is where the place would be that comes next, by the number of its city.
func (d *MsgpackLogs) placeSeen() *runSeen {
	const number = 1 + len("Geo") + len(placeCountry) + 3 + len(placeCity)
	rest := d.entry[d.pos:]
	if len(rest) < number+8 {
		return nil
	}
	return d.runs.of(rest[:8], rest[number:number+8])
}

// cityNames are the names of a city in a few languages, English first, without the work
// that a map is.
type cityNames struct {
	english string
	others  [8]struct{ language, name string }
	n       int
}

// read is false where a map must do: names in many languages, of broken letters, or two
// in one language.
func (c *cityNames) read(d *msgpackReader) bool {
	n := d.mapHeader()
	if n > len(c.others) {
		return false
	}
	for range n {
		language, name := d.str(), d.str()
		for i := range c.n {
			if c.others[i].language == language {
				return false
			}
		}
		if !isASCII(language) || language == english && c.english != "" {
			return false
		}
		if language == english && name != "" {
			c.english = name
			continue
		}
		c.others[c.n].language, c.others[c.n].name = language, name
		c.n++
	}
	return true
}

// into makes a map of the other names.
func (c *cityNames) into(s *slab.Slab) slab.Builder {
	names := attributes{Builder: s.Inner(c.n)}
	for i := range c.n {
		language, name := c.others[i].language, c.others[i].name
		if !names.Known(language, name) {
			names.Name(language, cleanUTF8(name))
		}
	}
	return names.Builder
}
