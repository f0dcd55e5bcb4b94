package pages

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/otelcol-tyk/otelcol-tyk/internal/console/view"
)

// Acting is deliberate: off by default, shown before it is done, and logged.

type confirmPage struct {
	Title, Action, Button, Cancel, Token string
	Kind                                 string
	Text                                 []string
	Hidden                               []struct{ Name, Value string }
	// Typed is what must be typed to go on; empty for nothing.
	Typed, Label string
	Command      string
	Off          bool
	Nothing      bool
}

const (
	actReplay = "dead.replay"
	actDrop   = "dead.drop"
	actRemove = "group.remove"
	// tokenAge is how long a form may be open, twice at most.
	tokenAge = time.Hour
	actTime  = 60 * time.Second
	mostForm = 64 << 10
)

// token proves that a form was made by this console for this user and action.
func (s *Site) token(user, action string, at time.Time) string {
	mac := hmac.New(sha256.New, s.Secret)
	fmt.Fprintf(mac, "%s\x00%s\x00%d", user, action, at.Unix()/int64(tokenAge/time.Second))
	return hex.EncodeToString(mac.Sum(nil))
}

func (s *Site) validToken(user, action, token string) bool {
	now := s.Now()
	for _, at := range []time.Time{now, now.Add(-tokenAge)} {
		if hmac.Equal([]byte(token), []byte(s.token(user, action, at))) {
			return true
		}
	}
	return false
}

// verb is which of two a path is.
func verb(path string) (action, word, past string, replay bool) {
	if strings.HasSuffix(path, "/replay") {
		return actReplay, "Replay", "Replayed", true
	}
	return actDrop, "Drop", "Dropped", false
}

func (s *Site) actionsOff(command string) error {
	return &statusError{http.StatusForbidden, "forbidden", State{
		Title: "Replay, drop and the removal of groups are off", Text: []string{"actions: true in the extension’s configuration switches them on; it needs auth, or an address on this machine only; action_users says who may. Until then:"},
		Code: []string{command}, Links: []Link{{"Pipeline", s.Base + "pipeline"}},
	}}
}

func (s *Site) confirmDead(q *request) (*page, error) {
	l := q.looks()
	if l == nil {
		return nil, errNotFound
	}
	filter := q.letterFilter(q.values)
	action, word, _, replay := verb(q.URL.Path)
	if !q.mayAct() {
		return nil, s.actionsOff(filter.command(strings.ToLower(word)))
	}
	dry, err := ask(q, func(ctx context.Context) (Taken, error) { return l.redis.Take(ctx, filter, replay, true) }).must(q)
	if err != nil {
		return nil, l.error(err)
	}
	n := view.Plural(dry.Matched, "letter", "letters")
	c := &confirmPage{
		Title: fmt.Sprintf("%s %s?", word, n), Action: s.Base + "pipeline/dead/" + strings.ToLower(word), Button: word + " " + n, Cancel: q.link("pipeline/dead", letterFields...), Token: s.token(s.User(q.Request), action, s.Now()),
		Command: filter.command(strings.ToLower(word)),
	}
	if replay {
		c.Text = []string{"They are delivered once more to the group that gave them up. Stores skip what they have. Letters that fail again come back here."}
		if to := firstOf([]string{filter.Group}); to != "" {
			c.Title = fmt.Sprintf("Replay %s to group %s?", n, view.Visible(to))
		}
	} else {
		c.Kind, c.Typed, c.Label = "trouble", strconv.FormatInt(dry.Matched, 10), "Number of letters"
		c.Title = fmt.Sprintf("Drop %s for good?", n)
		c.Text = []string{"Their records are in no store and will never be."}
	}
	c.Text = append(c.Text, leftOut(dry)...)
	if dry.Matched == 0 {
		c.Nothing = true
		c.Title = "There is nothing to " + strings.ToLower(word)
	}
	for _, name := range append([]string{"uid"}, letterFields...) {
		for _, v := range q.values[name] {
			if v != "" {
				c.Hidden = append(c.Hidden, struct{ Name, Value string }{name, v})
			}
		}
	}
	c.Hidden = append(c.Hidden, struct{ Name, Value string }{"matched", strconv.FormatInt(dry.Matched, 10)})
	return &page{template: "confirm", title: word + " dead letters", nav: "Pipeline", data: c, json: map[string]any{"action": action, "dry_run": true, "matched": dry.Matched, "silent": dry.Silent, "faulty": dry.Faulty, "aged": dry.Aged}}, nil
}

func leftOut(t Taken) []string {
	var text []string
	if t.Silent > 0 {
		text = append(text, view.Plural(t.Silent, "letter is", "letters are")+" left out: nobody reads for their group.")
	}
	if t.Faulty > 0 {
		text = append(text, view.Plural(t.Faulty, "letter is", "letters are")+" left out: they cannot be read, only dropped.")
	}
	if t.Aged > 0 {
		text = append(text, view.Plural(t.Aged, "letter is", "letters are")+" left out: stores have forgotten since then what they stored, and might store them twice. tykctl dead replay -old takes them.")
	}
	return text
}

// begin checks an action's form, and logs it.
func (q *request) beginAction(action, command string) (user, id string, form url.Values, err error) {
	s := q.site
	user, id = s.User(q.Request), strconv.FormatInt(s.Now().UnixNano()&0xffffffffff, 36)
	refuse := func(why string, err error) (string, string, url.Values, error) {
		s.Log.Warn("tykconsole action", zap.String("action", action), zap.String("user", user), zap.String("remote", q.RemoteAddr), zap.String("outcome", "refused: "+why), zap.String("id", id))
		return user, id, nil, err
	}
	if err := s.checkOrigin(q); err != nil {
		return refuse("from another site", err)
	}
	q.Body = http.MaxBytesReader(q.w, q.Body, mostForm)
	if err := q.ParseForm(); err != nil {
		return refuse("a form that cannot be read", badRequest("The form could not be read", "Nothing was done."))
	}
	if !q.mayAct() {
		return refuse("actions are off for this user", s.actionsOff(command))
	}
	if !s.validToken(user, action, q.PostForm.Get("token")) {
		return refuse("a token that is not, or no longer, valid", &statusError{http.StatusForbidden, "stale_token", State{Kind: "notice", Title: "Nothing was done: this page is too old", Text: []string{"Load it again and repeat the action."}, Links: []Link{{"Dead letters", s.Base + "pipeline/dead"}}}})
	}
	return user, id, q.PostForm, nil
}

// audit logs an action at its beginning and at its end.
func (q *request) audit(action, user, id, filter string, matched, taken int64, outcome string) {
	q.site.Log.Info("tykconsole action", zap.String("action", action), zap.String("user", user), zap.String("remote", q.RemoteAddr), zap.String("filter", filter), zap.Int64("matched", matched), zap.Int64("taken", taken), zap.String("outcome", outcome), zap.String("id", id))
}

func (s *Site) actDead(q *request) (*page, error) {
	action, word, past, replay := verb(q.URL.Path)
	user, id, form, err := q.beginAction(action, "tykctl dead "+strings.ToLower(word))
	if err != nil {
		return nil, err
	}
	l := s.watches.named(form.Get("redis"))
	if l == nil {
		return nil, errNotFound
	}
	filter := q.letterFilter(form)
	if len(q.faults) > 0 {
		return nil, badRequest("Nothing was done: the filter could not be read", sortedFaults(q.faults)...)
	}
	matched := positiveInt(form.Get("matched"))
	if !replay && positiveInt(form.Get("typed")) != matched {
		return nil, badRequest("Nothing was dropped: the number was not typed", "Go back and type the number of letters.")
	}
	ctx, ended, ok := s.tasks.begin(context.WithoutCancel(q.Context()), actTime)
	if !ok {
		return nil, ErrStarting
	}
	defer ended()
	q.audit(action, user, id, filter.command(strings.ToLower(word)), matched, 0, "begins")
	_ = http.NewResponseController(q.w).SetWriteDeadline(s.Now().Add(actTime + 10*time.Second))
	before := ""
	if replay {
		if look, err := l.redis.Look(ctx, nil); err == nil {
			before = look.replays(filter.Group).String()
		}
	}
	taken, err := l.redis.Take(ctx, filter, replay, false)
	outcome := "done"
	if err != nil {
		outcome = "failed: " + err.Error()
	}
	q.audit(action, user, id, filter.command(strings.ToLower(word)), taken.Matched, taken.Taken, outcome)
	l.lookNow()
	if err != nil && taken.Taken == 0 {
		return nil, l.error(err)
	}
	set := map[string]string{"done": strings.ToLower(past), "taken": strconv.FormatInt(taken.Taken, 10), "of": strconv.FormatInt(taken.Matched, 10), "at": strconv.FormatInt(s.Now().Unix(), 10)}
	if user != "" {
		set["by"] = user
	}
	if before != "" {
		set["before"], set["into"] = before, filter.Group
	}
	set["redis"] = form.Get("redis")
	if q.form == formJSON {
		return &page{json: map[string]any{"action": action, "matched": taken.Matched, "taken": taken.Taken, "more": taken.More, "id": id}}, nil
	}
	return &page{redirect: q.linkWith("pipeline/dead", set)}, nil
}

// doneState says what an action did, on the page that follows.
func (q *request) doneState() *State {
	done := q.values.Get("done")
	if done != "replayed" && done != "dropped" {
		return nil
	}
	taken, of := positiveInt(q.values.Get("taken")), positiveInt(q.values.Get("of"))
	if taken < 0 || of < 0 {
		return nil
	}
	st := &State{Title: fmt.Sprintf("%s %s of %s", sentenceStart(done), view.Count(taken), view.Plural(of, "letter", "letters")), Links: []Link{{"Dead letters", q.link("pipeline/dead")}, {"Logs", q.site.Base + "logs"}}}
	if done == "replayed" {
		st.Text = q.replayedText(taken)
	}
	return st
}

// replayedText says what has become of replayed letters so far.
func (q *request) replayedText(taken int64) []string {
	const waits = "They wait for their group. What is stored already is skipped; what fails again comes back here."
	l, before := q.looks(), replays{}
	if _, err := fmt.Sscanf(q.values.Get("before"), replaysForm, &before.stored, &before.back); err != nil || l == nil {
		return []string{waits}
	}
	look := l.wait(q.Context()).look
	if look == nil {
		return []string{waits}
	}
	now := look.replays(q.values.Get("into"))
	// Others may have replayed since then, and a collector that counted anew begins at 0.
	stored := min(max(now.stored-before.stored, 0), taken)
	back := min(max(now.back-before.back, 0), taken-stored)
	switch left := taken - stored - back; {
	case left == taken:
		return []string{waits}
	case left > 0:
		return []string{fmt.Sprintf("So far %s, %s; %s.", view.Plural(stored, "is stored", "are stored"), view.Count(back)+" came back", view.Plural(left, "waits for its group", "wait for their group"))}
	}
	return []string{fmt.Sprintf("%s, %s came back.", view.Plural(stored, "is stored", "are stored"), view.Count(back))}
}

// replays are what became of all letters that were ever replayed: the stores have them, or they are letters again.
type replays struct{ stored, back int64 }

const replaysForm = "%d-%d"

func (r replays) String() string { return fmt.Sprintf(replaysForm, r.stored, r.back) }

// replays adds up those of a group; of all where none is named.
func (l *Look) replays(group string) (all replays) {
	for _, g := range l.Groups {
		if group != "" && g.Name != group {
			continue
		}
		for _, list := range g.Lists {
			if list.ReplayTo != "" {
				all.stored += list.Receipts.Delivered
				all.back += list.Receipts.Dead
			}
		}
	}
	return all
}

func (s *Site) confirmGroup(q *request) (*page, error) {
	name := part(q.PathValue("group"))
	if !q.mayAct() {
		return nil, s.actionsOff("tykctl groups remove " + name)
	}
	l := q.looks()
	if l == nil {
		return nil, errNotFound
	}
	g, err := q.removable(l, name)
	if err != nil {
		return nil, err
	}
	c := &confirmPage{
		Title: "Remove group " + view.Visible(name) + "?", Kind: "trouble", Action: q.URL.EscapedPath(), Button: "Remove group", Cancel: q.link("pipeline"), Token: s.token(s.User(q.Request), actRemove, s.Now()), Typed: name, Label: "Name of the group",
		Text: []string{fmt.Sprintf("%s for it; %s (%s) go back to Redis. Its dead letters stay. Its collector, if it comes back, starts anew.", view.Plural(g.Waiting, "entry waits", "entries wait"), view.Plural(int64(g.Keeps.Segments), "segment", "segments"), view.Size(g.Keeps.Bytes))},
	}
	c.Action = s.Base + strings.TrimPrefix(c.Action, "/")
	if at := q.one("redis"); at != "" {
		c.Hidden = append(c.Hidden, struct{ Name, Value string }{"redis", at})
	}
	return &page{template: "confirm", title: c.Title, nav: "Pipeline", data: c, json: map[string]any{"group": name, "waiting": g.Waiting}}, nil
}

// removable finds a group that may be removed.
func (q *request) removable(l *looks, name string) (GroupLook, error) {
	snap := l.wait(q.Context())
	if snap.look == nil {
		return GroupLook{}, &statusError{http.StatusServiceUnavailable, "redis_away", State{Title: "Redis was not looked at yet", Retry: 2}}
	}
	for _, g := range snap.look.Groups {
		switch {
		case g.Name != name:
		case !g.Away:
			return g, &statusError{http.StatusConflict, "group_alive", State{Kind: "notice", Title: "Group " + view.Visible(name) + " is alive", Text: []string{"It was heard of " + view.Age(g.Ago) + " ago. Stop its collector first; a group can be removed a minute later."}, Links: []Link{{"Pipeline", q.link("pipeline")}}}}
		default:
			return g, nil
		}
	}
	return GroupLook{}, &statusError{http.StatusNotFound, "gone", State{Title: "There is no group " + view.Visible(short(name)), Links: []Link{{"Pipeline", q.link("pipeline")}}}}
}

func (s *Site) actGroup(q *request) (*page, error) {
	name := part(q.PathValue("group"))
	user, id, form, err := q.beginAction(actRemove, "tykctl groups remove "+name)
	if err != nil {
		return nil, err
	}
	l := s.watches.named(form.Get("redis"))
	if l == nil {
		return nil, errNotFound
	}
	g, err := q.removable(l, name)
	if err != nil {
		return nil, err
	}
	if strings.TrimSpace(form.Get("typed")) != name {
		return nil, badRequest("Nothing was removed: the name was not typed", "Go back and type the name of the group.")
	}
	ctx, ended, ok := s.tasks.begin(context.WithoutCancel(q.Context()), actTime)
	if !ok {
		return nil, ErrStarting
	}
	defer ended()
	q.audit(actRemove, user, id, name, g.Waiting, 0, "begins")
	err = l.redis.RemoveGroup(ctx, name)
	outcome := "done"
	if err != nil {
		outcome = "failed: " + err.Error()
	}
	q.audit(actRemove, user, id, name, g.Waiting, g.Waiting, outcome)
	l.lookNow()
	if err != nil {
		return nil, l.error(err)
	}
	return &page{redirect: q.linkWith("pipeline", map[string]string{"redis": form.Get("redis")})}, nil
}
