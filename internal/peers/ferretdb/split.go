package main

import (
	"encoding/binary"
	"fmt"

	"github.com/FerretDB/wire"
	"github.com/FerretDB/wire/wirebson"
)

// splitIndexes makes a command for each index of a createIndexes, which FerretDB does
// not survive where several of the indexes are there already.
func splitIndexes(request []byte) ([][]byte, error) {
	var message wire.OpMsg
	if err := message.UnmarshalBinaryNocopy(request[headerBytes:]); err != nil {
		return nil, fmt.Errorf("read createIndexes: %w", err)
	}
	command, err := message.RawSection0().DecodeDeep()
	if err != nil {
		return nil, fmt.Errorf("read createIndexes: %w", err)
	}
	indexes, ok := command.Get("indexes").(*wirebson.Array)
	if !ok || indexes.Len() < 2 {
		return [][]byte{request}, nil
	}
	var requests [][]byte
	for index := range indexes.Values() {
		if err := command.Replace("indexes", wirebson.MustArray(index)); err != nil {
			return nil, fmt.Errorf("split createIndexes: %w", err)
		}
		message, err := wire.NewOpMsg(command)
		if err != nil {
			return nil, fmt.Errorf("split createIndexes: %w", err)
		}
		body, err := message.MarshalBinary()
		if err != nil {
			return nil, fmt.Errorf("split createIndexes: %w", err)
		}
		one := append(append([]byte{}, request[:headerBytes]...), body...)
		binary.LittleEndian.PutUint32(one, uint32(len(one))) //nolint:gosec // shorter than the request
		requests = append(requests, one)
	}
	return requests, nil
}
