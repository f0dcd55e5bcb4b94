package traffic

// auth is how an API knows its callers.
type auth int

const (
	keyless auth = iota
	token
	oauth
)

// blueprint describes a kind of API: what is called how often, how long it
// takes and how it fails. Weights are relative to each other.
type blueprint struct {
	name, slug string
	host       string
	upstream   string  // the upstream's own path, joined in front of proxied requests
	weight     float64 // share of all traffic
	auth       auth
	versions   []string // empty: not versioned
	headers    []string // values of a tagged request header, one of which a request has
	tags       []string // the API's own
	median     float64  // upstream latency in milliseconds
	spread     float64  // sigma of the log-normal around the median
	cached     float64  // share answered from the gateway's cache
	expire     int      // seconds a store may keep a record, 0 for "100 years"
	endpoints  []endpoint
	errors     []outcome
	flaky      bool // has spells in which most answers are 5xx
	kind       kind
}

// kind is the protocol spoken on top of HTTP.
type kind int

const (
	rest kind = iota
	graph
	mcp
)

// endpoint is a path with "{id}", "{code}", "{uuid}" or "{word}" in place of what varies.
type endpoint struct {
	method  string
	path    string
	code    int64
	weight  float64
	body    int64   // the request body's size in bytes, at most
	tracked bool    // the record's Path is the template
	slower  float64 // factor on the latency, 0 for 1
}

// author is who made an answer.
type author int

const (
	upstream author = iota // proxied
	refused                // by the gateway, the caller is known
	unknown                // by the gateway, the caller is not known
	failed                 // by the gateway, the upstream did not answer
)

// outcome is an answer other than the endpoint's own.
type outcome struct {
	code    int64
	weight  float64 // share of this API's requests
	by      author
	latency float64 // milliseconds the gateway waited in vain
}

var blueprints = []blueprint{
	{
		name: "Product Search", slug: "search", host: "search.internal:8080", upstream: "/v2", weight: 30, auth: keyless,
		median: 14, spread: 0.5, cached: 0.35, expire: 604800,
		headers: []string{"channel-web", "channel-app", "channel-app"},
		endpoints: []endpoint{
			{method: "GET", path: "/products", code: 200, weight: 50},
			{method: "GET", path: "/products/{id}", code: 200, weight: 40},
			{method: "GET", path: "/suggest/{word}", code: 200, weight: 25},
			{method: "HEAD", path: "/products/{id}", code: 200, weight: 2},
		},
		errors: []outcome{{404, 0.03, upstream, 0}, {304, 0.05, upstream, 0}, {400, 0.005, upstream, 0}, {429, 0.004, refused, 0}},
	},
	{
		name: "Orders API", slug: "orders", host: "orders.internal:8080", weight: 20, auth: token, tags: []string{"edge", "eu-west-1"},
		median: 38, spread: 0.6,
		endpoints: []endpoint{
			{method: "GET", path: "/orders", code: 200, weight: 30},
			{method: "GET", path: "/orders/{uuid}", code: 200, weight: 40},
			{method: "POST", path: "/orders", code: 201, weight: 15, body: 2048, slower: 1.8},
			{method: "PATCH", path: "/orders/{uuid}", code: 200, weight: 8, body: 512, slower: 1.4},
			{method: "DELETE", path: "/orders/{uuid}", code: 204, weight: 2},
		},
		errors: []outcome{{404, 0.02, upstream, 0}, {422, 0.02, upstream, 0}, {401, 0.012, unknown, 0}, {403, 0.006, refused, 0}, {429, 0.01, refused, 0}, {500, 0.003, upstream, 0}},
	},
	{
		name: "Payments", slug: "payments", host: "payments.internal:8443", weight: 9, auth: token, tags: []string{"pci"},
		median: 120, spread: 0.45,
		endpoints: []endpoint{
			{method: "POST", path: "/charges", code: 201, weight: 50, body: 900},
			{method: "GET", path: "/charges/ch_{code}", code: 200, weight: 35, slower: 0.3},
			{method: "POST", path: "/refunds", code: 201, weight: 6, body: 400},
		},
		errors: []outcome{{402, 0.03, upstream, 0}, {409, 0.008, upstream, 0}, {401, 0.01, unknown, 0}, {502, 0.003, upstream, 0}},
	},
	{
		name: "Inventory", slug: "inventory", host: "stock.internal:8080", upstream: "/api", weight: 10, auth: token, median: 9, spread: 0.4,
		endpoints: []endpoint{
			{method: "GET", path: "/items/{id}", code: 200, weight: 60, tracked: true},
			{method: "PUT", path: "/items/{id}/stock", code: 200, weight: 20, body: 120, tracked: true},
			{method: "GET", path: "/warehouses", code: 200, weight: 8},
		},
		errors: []outcome{{404, 0.04, upstream, 0}, {403, 0.01, refused, 0}},
	},
	{
		name: "Customer Accounts", slug: "accounts", host: "accounts.internal:8080", weight: 8, auth: token, versions: []string{"v2", "v1"},
		median: 26, spread: 0.5,
		endpoints: []endpoint{
			{method: "GET", path: "/accounts/{id}", code: 200, weight: 50},
			{method: "PUT", path: "/accounts/{id}", code: 200, weight: 10, body: 1500},
			{method: "GET", path: "/accounts/{id}/orders", code: 200, weight: 20, slower: 2.5},
		},
		errors: []outcome{{404, 0.01, upstream, 0}, {403, 0.02, refused, 0}, {401, 0.01, unknown, 0}},
	},
	{
		name: "Storefront Graph", slug: "graph", host: "graph.internal:4000", weight: 4, auth: keyless, kind: graph, median: 45, spread: 0.6,
		endpoints: []endpoint{{method: "POST", path: "/graphql", code: 200, weight: 1, body: 400}},
		errors:    []outcome{{400, 0.01, failed, 0}},
	},
	{
		name: "Assistant Tools (MCP)", slug: "tools", host: "tools.internal:9090", weight: 4, auth: token, kind: mcp, median: 210, spread: 0.9,
		endpoints: []endpoint{{method: "POST", path: "/mcp", code: 200, weight: 1, body: 300}},
		errors:    []outcome{{403, 0.02, refused, 0}, {401, 0.01, unknown, 0}},
	},
	{
		name: "Recommendations", slug: "recommend", host: "reco.internal:8080", weight: 6, auth: token, tags: []string{"beta"},
		median: 60, spread: 0.7, flaky: true,
		endpoints: []endpoint{
			{method: "GET", path: "/for/{id}", code: 200, weight: 80},
			{method: "POST", path: "/events", code: 202, weight: 20, body: 700, slower: 0.2},
		},
		errors: []outcome{{500, 0.02, upstream, 0}, {503, 0.02, upstream, 0}, {500, 0.01, failed, 1}},
	},
	{
		name: "Shipping Quotes", slug: "shipping", host: "shipping.partner.example", upstream: "/rest/v1", weight: 3, auth: token,
		median: 850, spread: 0.8,
		endpoints: []endpoint{
			{method: "POST", path: "/quotes", code: 200, weight: 70, body: 1200},
			{method: "GET", path: "/tracking/{id}", code: 200, weight: 30, slower: 0.5},
		},
		errors: []outcome{{504, 0.02, failed, 5000}, {502, 0.01, upstream, 0}, {400, 0.02, upstream, 0}},
	},
	{
		name: "Reports", slug: "reports", host: "reports.internal:8080", weight: 1, auth: oauth, median: 1900, spread: 0.6,
		endpoints: []endpoint{
			{method: "GET", path: "/reports/{word}", code: 200, weight: 80},
			{method: "POST", path: "/exports", code: 202, weight: 20, body: 300, slower: 0.05},
		},
		errors: []outcome{{401, 0.03, unknown, 0}, {504, 0.02, failed, 5000}},
	},
	{
		name: "Partner Webhooks", slug: "hooks", host: "hooks.internal:8080", weight: 3, auth: token, median: 6, spread: 0.3,
		endpoints: []endpoint{{method: "POST", path: "/in/{word}", code: 202, weight: 1, body: 4000}},
		errors:    []outcome{{413, 0.004, refused, 0}, {401, 0.02, unknown, 0}},
	},
	{
		name: "Sign-in", slug: "signin", host: "id.internal:8080", weight: 2, auth: keyless, median: 70, spread: 0.3,
		endpoints: []endpoint{
			{method: "POST", path: "/login", code: 200, weight: 60, body: 200},
			{method: "POST", path: "/token", code: 200, weight: 40, body: 250, slower: 0.4},
			{method: "OPTIONS", path: "/login", code: 204, weight: 10, slower: 0.1},
		},
		errors: []outcome{{401, 0.12, upstream, 0}, {429, 0.02, refused, 0}},
	},
}

var organisations = []string{"acme", "globex", "initech", "umbrella", "hooli", "stark", "wayne", "wonka"}
