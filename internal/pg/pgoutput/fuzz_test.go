package pgoutput_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"trunkline/internal/pg/pgoutput"
)

// FuzzDecode: no bytes make the decoder panic or touch what is not theirs; what
// a Message held before does not show; a message has one length.
//
// The corpus was sent by real servers, see TestCapture.
func FuzzDecode(f *testing.F) {
	for _, e := range examples() {
		f.Add([]byte(e.wire), e.inStream)
	}
	f.Fuzz(func(t *testing.T, data []byte, inStream bool) {
		// Around the message stand bytes that are not its own.
		around := append(append([]byte("before"), data...), "after"...)
		data = around[len("before"):][:len(data)]
		kept := bytes.Clone(around)
		var m pgoutput.Message
		if err := pgoutput.Decode(data, inStream, &m); err != nil {
			checkError(t, err)
			return
		}
		for name, part := range parts(&m) {
			if cap(part) != len(part) || !within(part, data) {
				t.Errorf("%s is not a closed part of the message", name)
			}
		}
		once := counting(&m, inStream)
		checkReuse(t, data, inStream, once, &m)
		checkLength(t, data, inStream)
		if !bytes.Equal(around, kept) {
			t.Errorf("decoding has written into its input")
		}
	})
}

func checkError(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, pgoutput.ErrTruncated) && !strings.HasPrefix(err.Error(), "message of unknown ") {
		t.Errorf("unexpected error: %v", err)
	}
}

// checkReuse decodes again into a Message that has held the same, and into those
// that have held something else.
func checkReuse(t *testing.T, data []byte, inStream bool, once pgoutput.Message, same *pgoutput.Message) {
	t.Helper()
	moved, truncated := pgoutput.Message{}, pgoutput.Message{}
	decode(t, benchMoved, false, &moved)
	decode(t, msg('T').u32(2).u8(3).u32(1).u32(2), false, &truncated)
	for _, m := range []*pgoutput.Message{same, &moved, &truncated} {
		twice := decode(t, data, inStream, m)
		if diff := cmp.Diff(once, twice, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("decoding again gives something else (-once +twice):\n%s", diff)
		}
	}
}

// checkLength: a message with a byte less or more is none. An empty one is.
func checkLength(t *testing.T, data []byte, inStream bool) {
	t.Helper()
	if len(data) == 0 {
		return
	}
	var m pgoutput.Message
	if err := pgoutput.Decode(data[:len(data)-1], inStream, &m); err == nil && len(data) > 1 {
		t.Error("a byte less is no error")
	}
	if err := pgoutput.Decode(wire(data).u8(0), inStream, &m); err == nil {
		t.Error("a byte more is no error")
	}
}
