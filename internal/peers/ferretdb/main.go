// Command ferretdb serves MongoDB's wire protocol over SQLite files, for tests.
//
// FerretDB's own command cannot be built as a dependency (it panics without the
// version files that its makers' build adds), so its embeddable package is started
// here. This is a module of its own: nothing of FerretDB gets into the product.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/FerretDB/FerretDB/ferretdb"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:27017", "address to listen on")
	dir := flag.String("dir", ".", "directory of the databases' files")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := serve(ctx, *listen, *dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// serve runs until ctx is done.
func serve(ctx context.Context, listen, dir string) error {
	socket := filepath.Join(dir, "ferretdb.sock")
	if err := os.Remove(socket); err != nil && !errors.Is(err, os.ErrNotExist) { // of a killed process
		return fmt.Errorf("remove the old socket: %w", err)
	}
	if err := repair(ctx, dir); err != nil {
		return err
	}
	files := url.URL{Scheme: "file", Opaque: dir + "/"}
	server, err := ferretdb.New(&ferretdb.Config{
		Listener:  ferretdb.ListenerConfig{Unix: socket},
		Logger:    slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})),
		Handler:   "sqlite",
		SQLiteURL: files.String(),
	})
	if err != nil {
		return fmt.Errorf("start FerretDB: %w", err)
	}
	front, err := newGate(ctx, listen, socket)
	if err != nil {
		return err
	}
	go front.run()
	fmt.Fprintln(os.Stderr, "ready to accept connections on", listen)
	if err := server.Run(ctx); err != nil {
		return fmt.Errorf("run FerretDB: %w", err)
	}
	return nil
}
