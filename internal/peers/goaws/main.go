// Command goaws is a server of Amazon SQS for tests: GoAWS behind the JSON protocol that Amazon's SDK speaks today, with the checks of
// SQS that GoAWS has not. It makes the queues that it is asked for, and shows what they hold at /messages/<queue>. It is a
// module of its own, so that nothing of it gets into the product's.
package main

import (
	"encoding/json"
	"encoding/xml"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/Admiral-Piett/goaws/app"
	"github.com/Admiral-Piett/goaws/app/gosqs"
	"github.com/Admiral-Piett/goaws/app/router"
	log "github.com/sirupsen/logrus"
)

func main() {
	address := flag.String("listen", "", "host:port")
	queues := flag.String("queues", "", "names of queues, with commas between")
	flag.Parse()
	if err := serve(*address, strings.Split(*queues, ",")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve(address string, queues []string) error {
	log.SetOutput(io.Discard) // it logs each message
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	app.CurrentEnvironment = app.Environment{Host: host, Port: port, AccountID: "000000000000", EnableDuplicates: true}
	s := &server{goaws: router.New()}
	for _, name := range queues {
		if answer := s.ask("CreateQueue", url.Values{"QueueName": {name}}); answer.Code != http.StatusOK {
			return fmt.Errorf("create the queue %s: %s", name, answer.Body)
		}
	}
	go gosqs.PeriodicTasks(time.Second, make(chan struct{}))
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	fmt.Println("ready to accept connections")
	return http.Serve(listener, s)
}

// server translates between the JSON protocol and GoAWS, which has the older one of forms and XML.
type server struct {
	goaws http.Handler
}

// ServeHTTP answers a request.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if name, ok := strings.CutPrefix(r.URL.Path, "/messages/"); ok {
		show(w, name)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the caller is gone
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	switch target := r.Header.Get("X-Amz-Target"); {
	case !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 "):
		refuse(w, fault{Type: "MissingAuthenticationTokenException", Message: "Request is missing Authentication Token"})
	case target == "AmazonSQS.GetQueueUrl":
		var in struct{ QueueName string }
		_ = json.Unmarshal(body, &in) // without a name there is no queue
		answer := s.ask("GetQueueUrl", url.Values{"QueueName": {in.QueueName}})
		if answer.Code != http.StatusOK {
			refuse(w, faultOf(answer))
			return
		}
		var out struct {
			URL string `xml:"GetQueueUrlResult>QueueUrl"`
		}
		_ = xml.Unmarshal(answer.Body.Bytes(), &out)
		write(w, map[string]string{"QueueUrl": out.URL})
	case target == "AmazonSQS.SendMessageBatch":
		var in batch
		if err := json.Unmarshal(body, &in); err != nil {
			refuse(w, fault{Type: "SerializationException", Message: err.Error()})
			return
		}
		s.send(w, &in)
	default:
		refuse(w, fault{Type: "UnknownOperationException", Message: target})
	}
}

// ask has GoAWS do something.
func (s *server) ask(action string, form url.Values) *httptest.ResponseRecorder {
	form.Set("Action", action)
	request := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(form.Encode()))
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer := httptest.NewRecorder()
	s.goaws.ServeHTTP(answer, request)
	return answer
}

// fault is an error of the service.
type fault struct {
	Type    string `json:"__type"`
	Message string `json:"message"`
	query   string // the code of the older protocol
}

func refuse(w http.ResponseWriter, f fault) {
	if f.query != "" {
		w.Header().Set("X-Amzn-Query-Error", f.query+";Sender")
	}
	f.Type = "com.amazonaws.sqs#" + f.Type
	w.WriteHeader(http.StatusBadRequest)
	write(w, f)
}

func faultOf(answer *httptest.ResponseRecorder) fault {
	var said app.ErrorResponse
	_ = xml.Unmarshal(answer.Body.Bytes(), &said)
	name := said.Result.Code[strings.LastIndexByte(said.Result.Code, '.')+1:]
	if name == "NonExistentQueue" {
		name = "QueueDoesNotExist"
	}
	return fault{Type: name, Message: said.Result.Message, query: said.Result.Code}
}

func write(w http.ResponseWriter, value any) {
	_ = json.NewEncoder(w).Encode(value) // the caller may be gone
}

type batch struct {
	QueueURL string `json:"QueueUrl"`
	Entries  []entry
}

type entry struct {
	ID                string `json:"Id"`
	MessageBody       string
	MessageAttributes map[string]struct{ DataType, StringValue string }
	MessageGroupID    string `json:"MessageGroupId"`
	DeduplicationID   string `json:"MessageDeduplicationId"`
	DelaySeconds      int
}

type failed struct {
	ID          string `json:"Id"`
	Code        string
	Message     string
	SenderFault bool
}

// most is the most bytes of a message and of a batch.
const most = 1 << 20

// send checks what GoAWS does not, and hands it the rest.
func (s *server) send(w http.ResponseWriter, in *batch) {
	name := in.QueueURL[strings.LastIndexByte(in.QueueURL, '/')+1:]
	form := url.Values{"QueueUrl": {in.QueueURL}}
	size, kept := 0, 0
	rejected := []failed{}
	for _, e := range in.Entries {
		size += e.size()
		if f := e.fault(strings.HasSuffix(name, ".fifo")); f != nil {
			rejected = append(rejected, *f)
			continue
		}
		kept++
		prefix := "SendMessageBatchRequestEntry." + strconv.Itoa(kept) + "."
		form.Set(prefix+"Id", e.ID)
		form.Set(prefix+"MessageBody", e.MessageBody)
		form.Set(prefix+"MessageGroupId", e.MessageGroupID)
		form.Set(prefix+"MessageDeduplicationId", e.DeduplicationID)
	}
	if size > most {
		refuse(w, fault{
			Type: "BatchRequestTooLong", query: "AWS.SimpleQueueService.BatchRequestTooLong",
			Message: fmt.Sprintf("Batch requests cannot be longer than %d bytes. You have sent %d bytes.", most, size),
		})
		return
	}
	type result struct {
		ID        string `json:"Id"        xml:"Id"`
		MessageID string `json:"MessageId" xml:"MessageId"`
		MD5       string `json:"MD5OfMessageBody" xml:"MD5OfMessageBody"`
	}
	var out struct {
		Entries []result `xml:"SendMessageBatchResult>SendMessageBatchResultEntry"`
	}
	if kept > 0 || len(in.Entries) == 0 {
		answer := s.ask("SendMessageBatch", form)
		if answer.Code != http.StatusOK {
			refuse(w, faultOf(answer))
			return
		}
		_ = xml.Unmarshal(answer.Body.Bytes(), &out)
	}
	write(w, map[string]any{"Successful": append([]result{}, out.Entries...), "Failed": rejected})
}

func (e *entry) size() int {
	size := len(e.MessageBody)
	for name, a := range e.MessageAttributes {
		size += len(name) + len(a.DataType) + len(a.StringValue)
	}
	return size
}

// fault is what SQS says of a message that it does not take.
func (e *entry) fault(fifo bool) *failed {
	reject := func(code, message string) *failed {
		return &failed{ID: e.ID, Code: code, Message: message, SenderFault: true}
	}
	for name, a := range e.MessageAttributes {
		if a.StringValue == "" || !valid(a.StringValue) {
			return reject("InvalidParameterValue", "The message attribute '"+name+"' must contain a non-empty message attribute value.")
		}
	}
	switch {
	case e.MessageBody == "":
		return reject("MissingParameter", "The request must contain the parameter MessageBody.")
	case !valid(e.MessageBody):
		return reject("InvalidMessageContents", "Invalid characters in the message")
	case fifo && e.MessageGroupID == "":
		return reject("MissingParameter", "The request must contain the parameter MessageGroupId.")
	case fifo && e.DeduplicationID == "":
		return reject("InvalidParameterValue", "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly")
	case fifo && e.DelaySeconds > 0:
		return reject("InvalidParameterValue", fmt.Sprintf("Value %d for parameter DelaySeconds is invalid. Reason: The request include parameter that is not valid for this queue type", e.DelaySeconds))
	case !fifo && e.DeduplicationID != "":
		return reject("InvalidParameterValue", "The request include parameter that is not valid for this queue type")
	case len(e.MessageGroupID) > 128 || len(e.DeduplicationID) > 128 || strings.ContainsFunc(e.MessageGroupID+e.DeduplicationID, notPrintable):
		return reject("InvalidParameterValue", "MessageGroupId and MessageDeduplicationId can only include alphanumeric and punctuation characters. 1 to 128 in length")
	}
	return nil
}

func notPrintable(c rune) bool { return c <= ' ' || c > '~' }

// valid tells whether SQS takes all characters of a text.
func valid(text string) bool {
	return !strings.ContainsFunc(text, func(c rune) bool {
		return c < ' ' && c != '\t' && c != '\n' && c != '\r' || c == '\uFFFE' || c == '\uFFFF'
	})
}

// show lists the messages of a queue.
func show(w http.ResponseWriter, name string) {
	type message struct {
		Body, Group, Deduplication string
	}
	all := []message{}
	app.SyncQueues.RLock()
	defer app.SyncQueues.RUnlock()
	queue, ok := app.SyncQueues.Queues[name]
	if !ok {
		http.Error(w, "no such queue", http.StatusNotFound)
		return
	}
	for i := range queue.Messages {
		m := &queue.Messages[i]
		all = append(all, message{Body: string(m.MessageBody), Group: m.GroupID, Deduplication: m.DeduplicationID})
	}
	write(w, all)
}
