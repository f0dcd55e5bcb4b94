package pumpconf

import (
	"errors"
	"net/url"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/connstring"
)

// mongoPort is the one that drivers take where none is written.
const mongoPort = "27017"

// mongoURI is a connection string as the driver here takes it.
type mongoURI struct {
	text        string
	same        string // the text as it is compared
	hosts       []string
	database    string
	credentials bool
	tls         bool // it has options of TLS
	blank       bool // a blank in user or password became a plus
}

var (
	errNoScheme = errors.New("must begin with mongodb:// or mongodb+srv://")
	errAt       = errors.New("has an @ in user or password, so that the rest of it becomes the host: write %40 for it")
	errQuestion = errors.New("has a ? in user or password, so that the rest of it becomes an option: write %3F for it")
	errDatabase = errors.New("names no database, so that Tyk Pump fails at every write: append it to the hosts, as in mongodb://host:27017/tyk_analytics")
	errNoURI    = errors.New("is not a MongoDB connection string: write one such as mongodb://user:password@host:27017/tyk_analytics")
	errNoAnswer = errors.New("has w=0, which asks for no answer, so that nobody would know what is stored: leave w out, which means majority")
)

// readMongoURI takes a connection string apart as Tyk Pump does, and puts it together
// encoded. Its errors never show it.
func readMongoURI(text string, direct, oldDriver bool) (*mongoURI, error) {
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok || scheme != connstring.SchemeMongoDB && scheme != connstring.SchemeMongoDBSRV {
		return nil, errNoScheme
	}
	rest, query, _ := strings.Cut(rest, "?")
	if strings.Contains(query, "@") && !strings.Contains(rest, "@") {
		return nil, errQuestion
	}
	u := &mongoURI{}
	login, hosts, ok := strings.Cut(rest, "@")
	if !ok {
		login, hosts = "", rest
	}
	if strings.Contains(hosts, "@") {
		return nil, errAt
	}
	hosts, u.database, _ = strings.Cut(hosts, "/")
	if login != "" {
		user, password, has := strings.Cut(login, ":")
		u.credentials = has
		login = u.encoded(user)
		if has {
			login += ":" + u.encoded(password)
		}
		login += "@"
	}
	if u.database == "" {
		if !oldDriver {
			return nil, errDatabase
		}
		u.database = "test"
	}
	for host := range strings.SplitSeq(hosts, ",") {
		u.hosts = append(u.hosts, strings.ToLower(host))
	}
	slices.Sort(u.hosts)
	if checkPlace(u.hosts, u.database) != nil {
		return nil, errNoURI
	}
	options := u.options(query, direct)
	whole := func(hosts string) string {
		text := scheme + "://" + login + hosts + "/" + u.database
		if len(options) > 0 {
			text += "?" + strings.Join(options, "&")
		}
		return text
	}
	u.text, u.same = whole(hosts), whole(sameHosts(u.hosts, mongoPort))
	if err := u.check(login+hosts+"/"+u.database, options); err != nil {
		return nil, err
	}
	return u, nil
}

// encoded decodes a user or password and encodes it again, as forms do.
func (u *mongoURI) encoded(text string) string {
	decoded, err := url.QueryUnescape(text)
	if err != nil {
		decoded = text
	}
	u.blank = u.blank || strings.Contains(decoded, " ")
	return url.QueryEscape(decoded)
}

func (u *mongoURI) options(query string, direct bool) []string {
	var options []string
	for option := range strings.FieldsFuncSeq(query, func(r rune) bool { return r == '&' || r == ';' }) {
		name, _, _ := strings.Cut(strings.ToLower(option), "=")
		if name == "directconnection" {
			continue // the key decides
		}
		u.credentials = u.credentials || strings.Contains(name, "password") || strings.Contains(name, "properties")
		u.tls = u.tls || strings.HasPrefix(name, "tls") || strings.HasPrefix(name, "ssl")
		options = append(options, option)
	}
	if direct {
		options = append(options, "directConnection=true")
	}
	return options
}

// check asks the driver, which must not look names up for that.
func (u *mongoURI) check(start string, options []string) error {
	kept := slices.DeleteFunc(slices.Clone(options), func(option string) bool { return strings.HasPrefix(strings.ToLower(option), "srv") })
	parsed, err := connstring.ParseAndValidate(connstring.SchemeMongoDB + "://" + start + "?" + strings.Join(kept, "&"))
	switch {
	case err != nil:
		return errNoURI
	case parsed.WNumberSet && parsed.WNumber == 0:
		return errNoAnswer
	}
	return nil
}
