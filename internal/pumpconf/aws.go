package pumpconf

import (
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/settings"
)

// awsDestination is a queue or a stream of a region, whose account the credentials name.
func awsDestination(family, label, region, name string) destination {
	place := name
	if region != "" {
		place = region + "/" + name
	}
	return destination{family: family, identity: family + " " + place, group: family + "." + strings.ReplaceAll(place, "/", "."), label: label + " " + place}
}

// sqs makes the unit of an sqs pump.
func (c *converter) sqs(p *settings.Pump) *unit {
	g := p.Meta
	name, group, delay := g.Text("aws_queue_name"), g.Text("aws_message_group_id"), g.Int("aws_delay_seconds")
	if name == "" || strings.ContainsAny(name, "/: ") {
		c.Error(g.Place("aws_queue_name"), "%s is no name of a queue, with which Tyk Pump ends: write one such as tyk-analytics", orMissing(name, g.Shown("aws_queue_name")))
		return nil
	}
	fifo := strings.HasSuffix(name, ".fifo")
	to := awsDestination("sqs", "SQS queue", g.Text("aws_region"), name)
	endpoint := g.Text("aws_endpoint")
	if endpoint != "" {
		url, host, err := readURL(endpoint)
		if err != nil {
			c.Error(g.Place("aws_endpoint"), "%v", err)
			return nil
		}
		if url.User != nil {
			c.Error(g.Place("aws_endpoint"), "the value has credentials, which nobody reads there: use aws_key and aws_secret")
		}
		to.identity += " " + url.Scheme + "://" + host
		to.label += " of " + host
	}
	u := newUnit(p, to, "tyksqs")
	u.filter = c.filter(p, nil)
	m := u.store.config
	m.Note("queue_name", name, from(g, "aws_queue_name"))
	copyRows(g, "exporter", m)
	if endpoint != "" {
		m.Note("endpoint", c.hidden(g, "aws_endpoint", endpoint, strings.ContainsAny(endpoint, "@?#")), from(g, "aws_endpoint"))
	}
	key, secret := g.Text("aws_key"), g.Text("aws_secret")
	switch {
	case key != "" && secret != "":
		m.Note("access_key_id", c.secret(g, "aws_key", key), from(g, "aws_key"))
		m.Note("secret_access_key", c.secret(g, "aws_secret", secret), from(g, "aws_secret"))
		if token := g.Text("aws_token"); token != "" {
			m.Note("session_token", c.secret(g, "aws_token", token), from(g, "aws_token"))
		}
	case key+secret+g.Text("aws_token") != "":
		c.Warn(g.Place("aws_key"), "is ignored, as in Tyk Pump, unless aws_key and aws_secret are both set: credentials are looked for where AWS_* and shared files have them")
	}
	switch {
	case group != "":
		m.Note("message_group_id", group, from(g, "aws_message_group_id"))
	case fifo:
		c.Warn(g.Place("aws_message_group_id"), "is missing, without which a FIFO queue refuses all that Tyk Pump sends: here each organisation is a group")
		m.Note("message_group_by", "org_id", from(g, "aws_message_group_id"))
	}
	switch {
	case delay > 0 && fifo:
		c.Warn(g.Place("aws_delay_seconds"), "%d is left out, since FIFO queues refuse it: set the delay of the queue", delay)
	case delay > 0:
		m.Note("delay_seconds", delay, from(g, "aws_delay_seconds"))
	}
	c.longerTimeout(p, m, ownTimeout)
	return u
}

// kinesis makes the unit of a kinesis pump.
func (c *converter) kinesis(p *settings.Pump) *unit {
	g := p.Meta
	name := g.Text("stream_name")
	if name == "" || strings.ContainsAny(name, "/: ") {
		c.Error(g.Place("stream_name"), "%s is no name of a stream: write one such as tyk-analytics", orMissing(name, g.Shown("stream_name")))
		return nil
	}
	u := newUnit(p, awsDestination("kinesis", "Kinesis stream", g.Text("region"), name), "tykkinesis")
	u.filter = c.filter(p, nil)
	m := u.store.config
	m.Note("stream_name", name, from(g, "stream_name"))
	copyRows(g, "exporter", m)
	c.longerTimeout(p, m, ownTimeout)
	return u
}
