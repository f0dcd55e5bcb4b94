package main

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// fakeVariable turns this test program into a collector that behaves as its value says.
const fakeVariable = "TYKDEMO_TEST_COLLECTOR"

func TestMain(m *testing.M) {
	if kind := os.Getenv(fakeVariable); kind != "" {
		if err := fake(kind); err != nil {
			log.Fatalln("fake collector:", err)
		}
		return
	}
	os.Exit(m.Run())
}

// fake serves what the demo asks of a collector, and moves records until told to end.
func fake(kind string) error {
	if kind == "broken" {
		return fmt.Errorf("cannot read %s", os.Args[2])
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	for _, name := range []string{"TYK_HEALTH_ENDPOINT", "TYK_OTLP_HTTP_ENDPOINT"} {
		listener, err := net.Listen("tcp", os.Getenv(name))
		if err != nil {
			return err
		}
		go func() { // ends with the process
			log.Println(http.Serve(listener, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
		}()
	}
	if kind == "idle" {
		<-ctx.Done()
		return nil
	}
	db, err := sql.Open("sqlite", os.Getenv("TYK_SQL_DATASOURCE"))
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	if err := createTable(ctx, db); err != nil {
		return err
	}
	client := redis.NewClient(&redis.Options{Addr: os.Getenv("TYK_REDIS_ADDRESS")})
	for ctx.Err() == nil {
		if err := moveSome(client, db, kind == "twice"); err != nil {
			return err
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
		}
	}
	if kind == "ends badly" {
		return fmt.Errorf("told to end badly")
	}
	return db.Close()
}

func createTable(ctx context.Context, db *sql.DB) error {
	_, err := db.ExecContext(ctx, `PRAGMA journal_mode = wal; CREATE TABLE tyk_analytics (
		method text, path text, responsecode integer, apikey text, "timestamp" datetime, api_name text,
		apiid text, orgid text, requesttime integer, alias text)`)
	return err
}

func insertRecord(tx *sql.Tx, r *analytics.Record) error {
	_, err := tx.Exec(`INSERT INTO tyk_analytics VALUES (?,?,?,?,?,?,?,?,?,?)`,
		r.Method, r.Path, r.ResponseCode, r.APIKey, r.TimeStamp.Format("2006-01-02 15:04:05.000000+00:00"), r.APIName,
		r.APIID, r.OrgID, r.RequestTime, r.Alias)
	return err
}

// moveSome takes what is in Redis into the table, twice if asked.
func moveSome(client *redis.Client, db *sql.DB, twice bool) error {
	ctx := context.Background()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	for _, key := range client.Keys(ctx, "analytics-*").Val() {
		decode := analytics.DecodeMsgpack
		if strings.HasSuffix(key, "_protobuf") {
			decode = analytics.DecodeProtobuf
		}
		for _, entry := range client.LPopCount(ctx, key, 10_000).Val() {
			var r analytics.Record
			if err := decode([]byte(entry), &r); err != nil {
				return err
			}
			if err := insertRecord(tx, &r); err != nil {
				return err
			}
			if twice {
				if err := insertRecord(tx, &r); err != nil {
					return err
				}
			}
		}
	}
	return tx.Commit()
}
