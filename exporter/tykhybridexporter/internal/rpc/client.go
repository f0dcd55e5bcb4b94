package rpc

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// The functions that every connection begins with, and is asked for a sign of life by.
const (
	ping  = ".Ping"
	login = ".Login"
)

// patience is how long a connection may be unused before its peer is asked whether it still is there: a call into a
// connection that has silently ended would have an unknown outcome.
const patience = 10 * time.Second

// Client calls functions over a few connections, which are opened and logged in when they are first needed, and
// anew after each error. Its methods may be called from several goroutines.
type Client struct {
	settings Settings
	apiKey   string
	slots    chan struct{} // as many as there may be connections

	mu   sync.Mutex // guards idle
	idle []*connection
}

// NewClient makes a client of at most so many connections.
func NewClient(settings Settings, apiKey string, connections int) *Client {
	return &Client{settings: settings, apiKey: apiKey, slots: make(chan struct{}, connections)}
}

// Call calls a function with a text, over a connection that nobody else uses meanwhile. Any error but an OutcomeError
// and an AnswerError means that the server has not got the call.
func (c *Client) Call(ctx context.Context, function, argument string) error {
	select {
	case c.slots <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("wait for a connection: %w", ctx.Err())
	}
	defer func() { <-c.slots }()
	conn, err := c.ready(ctx, c.take())
	if err == nil {
		_, err = conn.call(ctx, function, argument)
	}
	switch {
	case err == nil:
		c.mu.Lock()
		c.idle = append(c.idle, conn)
		c.mu.Unlock()
	case conn != nil:
		conn.close()
	}
	return err
}

// take gives the connection that was used last, or nil.
func (c *Client) take() *connection {
	c.mu.Lock()
	defer c.mu.Unlock()
	last := len(c.idle) - 1
	if last < 0 {
		return nil
	}
	conn := c.idle[last]
	c.idle = c.idle[:last]
	return conn
}

// ready gives a connection that can be called over, or one that is to be closed with an error.
func (c *Client) ready(ctx context.Context, conn *connection) (*connection, error) {
	if conn != nil && conn.alive() {
		if time.Since(conn.used) < patience {
			return conn, nil
		}
		if _, err := conn.call(ctx, ping, nil); err == nil {
			return conn, nil
		}
	}
	if conn != nil {
		conn.close()
	}
	conn, err := open(ctx, &c.settings)
	if err != nil {
		return nil, err
	}
	switch accepted, err := conn.call(ctx, login, c.apiKey); {
	case err != nil:
		// In words only: whether the login was done says nothing about the call behind it, which was not sent.
		return conn, errors.Join(ctx.Err(), fmt.Errorf("log in: %s", err.Error()))
	case accepted != true:
		return conn, ErrKeyRefused
	}
	return conn, nil
}

// Close closes all connections once nobody uses them. Nothing may be called after it.
func (c *Client) Close() {
	for range cap(c.slots) {
		c.slots <- struct{}{}
	}
	for conn := c.take(); conn != nil; conn = c.take() {
		conn.close()
	}
}
