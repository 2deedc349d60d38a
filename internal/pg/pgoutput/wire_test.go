package pgoutput_test

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// wire is a message made by hand. Its parts are those of the manual, in its
// order: u8 for Byte1 and Int8, u16, u32 and u64 for the other integers, str for
// String.
type wire []byte

func msg(kind byte) wire { return wire{kind} }

func (w wire) u8(v byte) wire    { return append(slices.Clip(w), v) }
func (w wire) u16(v uint16) wire { return binary.BigEndian.AppendUint16(slices.Clip(w), v) }
func (w wire) u32(v uint32) wire { return binary.BigEndian.AppendUint32(slices.Clip(w), v) }
func (w wire) u64(v uint64) wire { return binary.BigEndian.AppendUint64(slices.Clip(w), v) }
func (w wire) str(s string) wire { return append(slices.Clip(w), s+"\x00"...) }
func (w wire) raw(s string) wire { return append(slices.Clip(w), s...) }

// tuple is TupleData. A value is nil for null, a unchanged, a string for text
// or []byte for binary.
func (w wire) tuple(values ...any) wire {
	w = w.u16(uint16(len(values)))
	for _, value := range values {
		switch v := value.(type) {
		case nil:
			w = w.u8('n')
		case unchanged:
			w = w.u8('u')
		case string:
			w = w.u8('t').u32(uint32(len(v))).raw(v)
		case []byte:
			w = w.u8('b').u32(uint32(len(v))).raw(string(v))
		default:
			panic(fmt.Sprintf("a value of type %T", value))
		}
	}
	return w
}

// unchanged is a TOASTed value that is not sent.
type unchanged struct{}

// inBlock is the message as it stands inside a stream block: with the number of
// its transaction after the kind.
func (w wire) inBlock(xid uint32) wire { return msg(w[0]).u32(xid).raw(string(w[1:])) }
