package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

func TestHelpNamesEveryCommandAndItsFlags(t *testing.T) {
	t.Parallel()
	o := newOperator(t, nil)
	overview := o.ok("help")
	for _, cmd := range commands() {
		assert.Contains(t, overview, cmd.name)
		help := o.ok(cmd.name, "-help")
		assert.Contains(t, help, cmd.summary)
		assert.Equal(t, !cmd.offline, strings.Contains(help, "-key-prefix"), cmd.name)
	}
	assert.Contains(t, o.ok("status -h"), "-stuck-after")
}

func TestUnknownCommandsAreRefused(t *testing.T) {
	t.Parallel()
	o := newOperator(t, nil)
	for command, want := range map[string]string{
		"stauts":      `unknown command "stauts": see tykctl help`,
		"dead revive": `unknown command "dead revive": after dead comes list, show, replay, drop`,
	} {
		a := o.run(command)
		assert.Equal(t, exitFailed, a.status)
		assert.Contains(t, a.stderr, want)
	}
}

func TestFlagsThatDoNotFitAreRefused(t *testing.T) {
	t.Parallel()
	o := newOperator(t, nil)
	for flags, want := range map[string]string{
		"-redis localhost":               "write host:port",
		"-redis a:1,b:2":                 "2 addresses: say with -cluster or -sentinel what they are",
		"-cluster -sentinel m":           "give only one of them",
		"-cluster -db 1":                 "a cluster has only database 0",
		"-db -1":                         "-db: use a number from 0",
		"-tls-ca ca.crt":                 "have no effect without -tls",
		"-timeout 0":                     "use at least 1ms",
		"-tls -tls-ca /nowhere/ca.crt":   "-tls: ",
		"-redis 127.0.0.1:1 -timeout 1s": "nothing listens there",
		"-redis no.such.invalid:6379":    "check -redis",
	} {
		a := o.run("status " + flags)
		assert.Equal(t, exitFailed, a.status, flags)
		assert.Contains(t, a.stderr, want, flags)
	}
	o.env["TYK_REDIS_DATABASE"] = "zero"
	assert.Contains(t, o.run("status").stderr, "-db: use a number from 0")
}

func TestPasswordsComeFromTheEnvironmentAndAreNeverShown(t *testing.T) {
	t.Parallel()
	o := onRedis(t, peers.RedisPassword("s3cret"))
	a := o.run("status")
	assert.Equal(t, exitFailed, a.status)
	assert.Contains(t, a.stderr, "NOAUTH")
	assert.Contains(t, a.stderr, "Redis asks for a password: set REDIS_PASSWORD")

	o.env["REDIS_PASSWORD"] = "wr0ng"
	a = o.run("status")
	assert.Equal(t, exitFailed, a.status)
	assert.Contains(t, a.stderr, "the password or the user is wrong: set REDIS_PASSWORD, and -username for an ACL user")
	assert.NotContains(t, a.stderr, "wr0ng")

	o.env["REDIS_PASSWORD"] = ""
	o.env["TYK_REDIS_PASSWORD"] = "s3cret"
	assert.NotContains(t, o.ok("status")+o.ok("status -help"), "s3cret")
	o.env = map[string]string{}
	o.ok("status", "-password", "s3cret")
}

// rights are those that the README lists.
const (
	keyRights      = "~analytics-* ~host-checker:* ~otelcol-tyk:* "
	lookRights     = "+evalsha +eval +time +llen +ttl +hlen +hget +hgetall +hmget +hstrlen +exists +scan +zcard +zrange +zrangebyscore "
	sizeRights     = "+memory|usage +info "
	takeRights     = "+decrby +get +hdel +hexists +hincrby +hscan +hset +ltrim +persist +rpush +set +unlink +zadd +zrangebylex +zrem +zrevrange +zrevrangebyscore +zscore "
	sentinelRights = "+sentinel|get-master-addr-by-name "
	clusterRights  = "+cluster|slots "
)

func TestTheRightsOfTheREADMESuffice(t *testing.T) {
	t.Parallel()
	r := peers.StartRedis(t,
		peers.RedisUser("nosy", "p", keyRights+lookRights),
		peers.RedisUser("looks", "p", keyRights+lookRights+sizeRights),
		peers.RedisUser("takes", "p", keyRights+lookRights+sizeRights+takeRights))
	admin := newOperator(t, r.Client())
	src, gone := worker(msgpackList, "default", "w", time.Minute), worker(msgpackList, "gone", "v", time.Minute)
	admin.push(msgpackList, 3)
	segment := admin.visit(src)[0]
	admin.visit(gone)
	admin.ack(segment, 2)
	admin.keep(src, letter("default", 1, "refused: odd", nil), letter("default", 2, "refused: odd", nil))

	as := func(user string) *operator {
		o := newOperator(t, r.Client(), "-redis", r.Addr(), "-username", user)
		o.env["REDIS_PASSWORD"] = "p"
		return o
	}
	for _, user := range []string{"nosy", "looks", "takes"} {
		for _, command := range []string{"status -sample 1ms", "dead list", "dead show", "groups list", "receipts"} {
			as(user).ok(command)
		}
	}
	assert.NotContains(t, as("looks").ok("status -json"), `"memory": []`)
	a := as("looks").run("dead drop -all")
	assert.Equal(t, exitFailed, a.status)
	assert.Contains(t, a.stderr, "the user lacks a right")
	assert.Contains(t, as("takes").ok("dead replay -old -uid 5eed.1.cafe-1"), "replayed 1")
	assert.Contains(t, as("takes").ok("dead drop -all"), "dropped 1")
	assert.Contains(t, as("takes").ok("groups remove gone -force"), "removed group gone")
}

func TestTLSWithAClientCertificate(t *testing.T) {
	t.Parallel()
	r := peers.StartRedis(t, peers.RedisTLS(true))
	certs := r.Certificates()
	o := newOperator(t, r.Client(), "-redis", r.Addr(), "-timeout", "1m")
	o.ok("status", "-tls", "-tls-ca", certs.CAFile, "-tls-cert", certs.ClientCertFile, "-tls-key", certs.ClientKeyFile)
	o.ok("status", "-tls", "-tls-insecure-skip-verify", "-tls-cert", certs.ClientCertFile, "-tls-key", certs.ClientKeyFile)
	for flags, want := range map[string]string{
		"":     "does this Redis speak TLS? then add -tls",
		"-tls": "name the authority with -tls-ca",
	} {
		a := o.run("status " + flags)
		assert.Equal(t, exitFailed, a.status)
		assert.Contains(t, a.stderr, want)
	}
	assert.Contains(t, onRedis(t).run("status -tls -timeout 500ms").stderr, "whether this Redis speaks TLS")
}

func TestAClusterIsReadAndManagedAsAWhole(t *testing.T) {
	t.Parallel()
	c := peers.StartRedisCluster(t, peers.RedisUser("looks", "p", keyRights+lookRights+sizeRights+clusterRights))
	seed := c.Addrs()[0]
	o := newOperator(t, c.Client(), "-redis", seed, "-cluster")
	lists := []string{msgpackList, protobufList, "analytics-tyk-system-analytics_3"} // in different slots
	for _, list := range lists {
		src := worker(list, "default", "w", time.Minute)
		o.push(list, 3)
		o.visit(src)
		o.visit(worker(list, "gone", "v", time.Minute))
		o.silence(list, "gone", time.Hour)
		o.keep(src, letter("default", 1, "refused: odd", nil))
	}
	out := o.ok("status", "-sample", "1ms")
	for _, list := range lists {
		assert.Contains(t, out, list)
	}
	assert.Equal(t, 3, strings.Count(o.ok("status", "-sample", "1ms", "-json"), "used_bytes"), "each master")
	assert.Contains(t, o.ok("dead replay -old", "-all"), "replayed 3")
	assert.Contains(t, o.ok("groups remove", "gone"), "removed group gone from 3 lists")
	assert.Contains(t, o.ok("receipts", "-check"), "adds up")

	looks := newOperator(t, c.Client(), "-redis", seed, "-cluster", "-username", "looks")
	looks.env["REDIS_PASSWORD"] = "p"
	assert.Contains(t, looks.ok("status"), msgpackList)

	alone := newOperator(t, c.Client(), "-redis", seed)
	assert.Contains(t, alone.run("status").stderr, "this Redis is a cluster: add -cluster")
	single := onRedis(t)
	assert.Contains(t, single.run("status", "-cluster").stderr, "leave -cluster out")
}

func TestSentinelsTellWhereTheMasterIs(t *testing.T) {
	t.Parallel()
	s := peers.StartRedisSentinel(t, peers.RedisSentinelPassword("watch"), peers.RedisSentinelUser("asker", "ask", sentinelRights))
	o := newOperator(t, s.Client(), "-redis", strings.Join(s.SentinelAddrs(), ","), "-sentinel", s.MasterName())
	src := worker(msgpackList, "default", "w", time.Minute)
	o.push(msgpackList, 3)
	o.visit(src)
	o.env["REDIS_SENTINEL_PASSWORD"] = "watch"
	assert.Contains(t, o.ok("status", "-sample", "0"), msgpackList)
	o.env["REDIS_SENTINEL_PASSWORD"] = "ask"
	assert.Contains(t, o.ok("status", "-sample", "0", "-sentinel-username", "asker"), msgpackList)
	o.env["REDIS_SENTINEL_PASSWORD"] = "wrong"
	assert.Contains(t, o.run("status").stderr, "is -sentinel-password right?")
}

func TestALostConnectionIsSaidWithWhatWasDone(t *testing.T) {
	t.Parallel()
	r := peers.StartRedis(t)
	o := newOperator(t, r.Client(), "-redis", r.Addr(), "-timeout", "1s")
	src := worker(msgpackList, "default", "w", time.Minute)
	o.visit(src)
	o.keep(src, letter("default", 1, "refused: odd", nil))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	a := o.runContext(ctx, false, "dead drop -all")
	assert.Equal(t, exitFailed, a.status)
	assert.Len(t, o.letters(), 1)
	r.Kill()
	a = o.run("dead drop -all")
	assert.Equal(t, exitFailed, a.status)
	assert.Contains(t, a.stdout, "dropped 0 dead letters")
	assert.Contains(t, a.stderr, "connect to Redis at")
}
