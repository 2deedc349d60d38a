package pgoutput_test

import (
	"testing"

	"trunkline/internal/pg/pgoutput"
)

// The rows have ten columns, about 130 bytes, as those of bench/.
var (
	benchRow    = []any{"1048577", "730121", "387973.49", "f", "customer-1048577", "0f7e44a922df352c05c5f73cb40ba115", "2024-06-08 13:52:21+00", "2021-08-12", "485.77", `{"k": 77, "s": "v1048577"}`}
	benchInsert = msg('I').u32(16384).u8('N').tuple(benchRow...)
	benchUpdate = msg('U').u32(16384).u8('N').tuple(benchRow...)
	benchMoved  = msg('U').u32(16384).u8('K').tuple("1048577", nil, nil, nil, nil, nil, nil, nil, nil, nil).u8('N').tuple(benchRow...)
	benchDelete = msg('D').u32(16384).u8('K').tuple("1048577", nil, nil, nil, nil, nil, nil, nil, nil, nil)
	benchBegin  = msg('B').u64(0x1A2B3C).u64(771_000_000_000_000).u32(740)
	benchCommit = msg('C').u8(0).u64(0x1A2B3C).u64(0x1A2B6C).u64(771_000_000_000_000)
)

func BenchmarkDecodeInsert(b *testing.B) { benchmarkDecode(b, benchInsert, false) }

func BenchmarkDecodeUpdate(b *testing.B) {
	b.Run("same-key", func(b *testing.B) { benchmarkDecode(b, benchUpdate, false) })
	b.Run("new-key", func(b *testing.B) { benchmarkDecode(b, benchMoved, false) })
	b.Run("in-progress", func(b *testing.B) { benchmarkDecode(b, benchUpdate.inBlock(740), true) })
}

func benchmarkDecode(b *testing.B, data wire, inStream bool) {
	b.ReportAllocs()
	b.SetBytes(int64(len(data)))
	var m pgoutput.Message
	for b.Loop() {
		if err := pgoutput.Decode(data, inStream, &m); err != nil {
			b.Fatal(err)
		}
	}
}

// TestNoAllocations: what comes per row and per transaction costs no allocation
// once the Message has grown to the width of the table.
func TestNoAllocations(t *testing.T) {
	messages := []wire{benchBegin, benchInsert, benchUpdate, benchMoved, benchDelete, benchCommit}
	for _, inStream := range []bool{false, true} {
		var m pgoutput.Message
		for _, data := range messages {
			if inStream && data[0] != 'B' && data[0] != 'C' {
				data = data.inBlock(740)
			}
			decode := func() {
				if err := pgoutput.Decode(data, inStream, &m); err != nil {
					t.Fatal(err)
				}
			}
			decode() // warm up
			if n := testing.AllocsPerRun(100, decode); n != 0 {
				t.Errorf("%v in stream %v: %v allocations", m.Kind, inStream, n)
			}
		}
	}
}
