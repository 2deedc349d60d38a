package batch

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"

	"trunkline/internal/pg/pgoutput"
)

// keyIndex numbers the keys of one table in the order of their first event. It
// is a hash table with open addressing over an arena of key bytes.
type keyIndex struct {
	seed   maphash.Seed
	slots  []uint32 // number of the key + 1; 0 is free
	hashes []uint64
	ends   []uint32
	arena  []byte
}

// appendKey encodes the key columns of a tuple: each as its length and text. Two
// keys are the same row iff their texts are the same, for an update that changes
// as much as a byte of its key sends the old one.
func appendKey(dst []byte, tuple pgoutput.Tuple, at []int) []byte {
	for _, i := range at {
		dst = binary.AppendUvarint(dst, uint64(len(tuple[i].Data)))
		dst = append(dst, tuple[i].Data...)
	}
	return dst
}

// lookup finds the number of a key, giving it the next one if it is new.
func (x *keyIndex) lookup(key []byte) (number int, found bool) {
	if 4*len(x.hashes) >= 3*len(x.slots) {
		x.grow()
	}
	hash := maphash.Bytes(x.seed, key)
	mask := uint64(len(x.slots) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		slot := x.slots[i]
		if slot == 0 {
			x.slots[i] = uint32(len(x.hashes) + 1)
			x.hashes = append(x.hashes, hash)
			x.arena = append(x.arena, key...)
			x.ends = append(x.ends, uint32(len(x.arena)))
			return len(x.hashes) - 1, false
		}
		n := int(slot - 1)
		if x.hashes[n] == hash && bytes.Equal(x.key(n), key) {
			return n, true
		}
	}
}

func (x *keyIndex) key(number int) []byte {
	var from uint32
	if number > 0 {
		from = x.ends[number-1]
	}
	return x.arena[from:x.ends[number]]
}

func (x *keyIndex) grow() {
	size := max(1024, 2*len(x.slots))
	if x.slots == nil {
		x.seed = maphash.MakeSeed()
	}
	x.slots = make([]uint32, size)
	mask := uint64(size - 1)
	for n, hash := range x.hashes {
		i := hash & mask
		for x.slots[i] != 0 {
			i = (i + 1) & mask
		}
		x.slots[i] = uint32(n + 1)
	}
}

func (x *keyIndex) reset() {
	clear(x.slots)
	x.hashes, x.ends, x.arena = x.hashes[:0], x.ends[:0], x.arena[:0]
}
