package main

import (
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/otelcol-tyk/otelcol-tyk/internal/traffic"
)

// passwordVariable keeps the password out of the list of processes.
const passwordVariable = "REDIS_PASSWORD"

// options are the command line's.
type options struct {
	redis    redis.Options
	traffic  traffic.Settings
	gateway  traffic.GatewaySettings
	rate     float64
	duration time.Duration
	backlog  int64
	span     time.Duration
}

func parse(args []string, stderr io.Writer) (*options, error) {
	o := &options{traffic: traffic.DefaultSettings()}
	serializer, useTLS, withMCP := string(traffic.Msgpack), false, true
	f := flag.NewFlagSet("tykgen", flag.ContinueOnError)
	f.SetOutput(stderr)

	f.StringVar(&o.redis.Addr, "redis", "localhost:6379", "push to the Redis at `host:port`")
	f.StringVar(&o.redis.Username, "username", "", "Redis user")
	f.StringVar(&o.redis.Password, "password", "", "Redis password; better given as "+passwordVariable+" in the environment")
	f.IntVar(&o.redis.DB, "db", 0, "Redis database number")
	f.BoolVar(&useTLS, "tls", false, "connect with TLS")

	f.Float64Var(&o.rate, "rate", 1000, "records per second; 0: as many as possible")
	f.DurationVar(&o.duration, "duration", 0, "stop after this time; 0: when interrupted")
	f.Int64Var(&o.backlog, "backlog", 0, "push this many records as fast as possible and exit, whatever -rate and -duration say")
	f.DurationVar(&o.span, "span", 10*time.Minute, "the backlog's records lie in the last `duration`")

	f.StringVar(&serializer, "serializer", serializer, "msgpack, protobuf or both")
	f.BoolVar(&o.gateway.MultipleKeys, "multiple-keys", false, "use the ten suffixed lists")
	f.DurationVar(&o.gateway.Expire, "ttl", 0, "time to live set once a second on msgpack lists that have none; a gateway's default is 60s; 0: none")
	f.Int64Var(&o.gateway.Poison, "poison", 0, "mix in `n` entries that do not decode")

	f.IntVar(&o.traffic.Organisations, "orgs", o.traffic.Organisations, "number of organisations")
	f.IntVar(&o.traffic.APIs, "apis", o.traffic.APIs, "number of APIs")
	f.BoolVar(&withMCP, "mcp", true, "include an MCP API, whose records the table of request records does not take")
	f.Float64Var(&o.traffic.DetailedShare, "detailed", 0, "`share` of the records, 0 to 1, with recorded request and response")
	f.IntVar(&o.traffic.BodyBytes, "body-bytes", o.traffic.BodyBytes, "size of the bodies in those")
	f.Uint64Var(&o.traffic.Seed, "seed", o.traffic.Seed, "the same seed gives the same requests")
	f.StringVar(&o.traffic.Marker, "marker", "", "end each user agent in \" run/<`marker`>/<n>\"")
	if err := f.Parse(args); err != nil {
		return nil, err
	}

	o.traffic.OmitMCP = !withMCP
	o.gateway.Serializer = traffic.Serializer(serializer)
	if o.redis.Password == "" {
		o.redis.Password = os.Getenv(passwordVariable)
	}
	if useTLS {
		o.redis.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if err := o.validate(f.Args()); err != nil {
		return nil, err
	}
	return o, nil
}

func (o *options) validate(rest []string) error {
	var errs []error
	if len(rest) > 0 {
		errs = append(errs, fmt.Errorf("unexpected argument %q: everything is a flag, see -help", rest[0]))
	}
	if !(o.rate >= 0 && o.rate <= 1e9) { // also refuses NaN
		errs = append(errs, fmt.Errorf("-rate is %v: it must be from 0 to a billion", o.rate))
	}
	if o.duration < 0 {
		errs = append(errs, fmt.Errorf("-duration is %v: it must not be negative", o.duration))
	}
	if o.backlog < 0 {
		errs = append(errs, fmt.Errorf("-backlog is %d: it must not be negative", o.backlog))
	}
	if o.span < 0 {
		errs = append(errs, fmt.Errorf("-span is %v: it must not be negative", o.span))
	}
	return errors.Join(errs...)
}
