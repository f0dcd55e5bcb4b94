package traffic

import (
	"fmt"
	"math/rand/v2"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// places are where clients sit, the busiest first. Names are those that a GeoIP
// city database gives, which differ in how many languages they come in.
var places = []analytics.Geo{
	{}, // an address that the database does not know
	place("US", 5128581, 40.7128, -74.006, "America/New_York", "en", "New York", "de", "New York City", "ru", "Нью-Йорк", "ja", "ニューヨーク"),
	place("DE", 2950159, 52.5244, 13.4105, "Europe/Berlin", "de", "Berlin", "en", "Berlin", "fr", "Berlin", "ru", "Берлин", "zh-CN", "柏林"),
	{},
	place("GB", 2643743, 51.5085, -0.1257, "Europe/London", "en", "London", "fr", "Londres", "ru", "Лондон", "ja", "ロンドン"),
	place("US", 5391959, 37.7749, -122.4194, "America/Los_Angeles", "en", "San Francisco", "zh-CN", "旧金山"),
	place("FR", 2988507, 48.8534, 2.3488, "Europe/Paris", "en", "Paris", "fr", "Paris", "ru", "Париж"),
	{},
	place("IN", 1277333, 12.9719, 77.5937, "Asia/Kolkata", "en", "Bengaluru", "de", "Bengaluru"),
	place("JP", 1850147, 35.6895, 139.6917, "Asia/Tokyo", "en", "Tokyo", "de", "Tokio", "ja", "東京", "ru", "Токио"),
	place("BR", 3448439, -23.5475, -46.6361, "America/Sao_Paulo", "en", "São Paulo", "pt-BR", "São Paulo", "ja", "サンパウロ"),
	place("SE", 2673730, 59.3326, 18.0649, "Europe/Stockholm", "en", "Stockholm", "ru", "Стокгольм"),
	{},
	place("NO", 0, 62, 10, "Europe/Oslo"), // the country only
	place("AU", 2147714, -33.8679, 151.2073, "Australia/Sydney", "en", "Sydney", "ru", "Сидней"),
	place("SG", 1880252, 1.2897, 103.8501, "Asia/Singapore", "en", "Singapore", "zh-CN", "新加坡"),
	{},
	place("ZA", 993800, -26.2023, 28.0436, "Africa/Johannesburg", "en", "Johannesburg"),
	place("CA", 6167865, 43.7001, -79.4163, "America/Toronto", "en", "Toronto", "ru", "Торонто"),
	place("NL", 2759794, 52.374, 4.8897, "Europe/Amsterdam", "en", "Amsterdam", "ja", "アムステルダム"),
	{},
}

// place takes the names as language, name, language, name.
func place(country string, id uint64, lat, lon float64, zone string, names ...string) analytics.Geo {
	g := analytics.Geo{CountryISOCode: country, CityGeoNameID: id, Latitude: lat, Longitude: lon, TimeZone: zone}
	if len(names) > 0 {
		g.CityNames = make(map[string]string, len(names)/2)
	}
	for i := 0; i+1 < len(names); i += 2 {
		g.CityNames[names[i]] = names[i+1]
	}
	return g
}

var userAgents = []string{
	"okhttp/4.12.0",
	"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36",
	"python-requests/2.32.5",
	"Go-http-client/1.1",
	"axios/1.7.9",
	"Acme/5.2.1 (iPhone; iOS 18.6; Scale/3.00)",
	"curl/8.9.1",
	"",
	"PostmanRuntime/7.43.0",
	"Apache-HttpClient/5.4 (Java/21.0.4)",
	"Bäckerei-Kasse/2.1",
}

// client is one caller's address, place and program.
type client struct {
	ip        string
	geo       *analytics.Geo
	userAgent string
}

// clients come from the address ranges set aside for documentation.
func clients(n int, r *rand.Rand) []client {
	place, agent := newPicker(zipf(len(places), 0.7)), newPicker(zipf(len(userAgents), 0.7))
	networks := []string{"192.0.2.%d", "198.51.100.%d", "203.0.113.%d", "2001:db8::%x"}
	list := make([]client, n)
	for i := range list {
		list[i] = client{
			ip:        fmt.Sprintf(networks[i%len(networks)], i/len(networks)%254+1),
			geo:       &places[place.pick(r)],
			userAgent: userAgents[agent.pick(r)],
		}
	}
	return list
}
