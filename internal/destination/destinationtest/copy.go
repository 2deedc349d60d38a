package destinationtest

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"

	"trunkline/internal/batch"
	"trunkline/internal/destination"
	"trunkline/internal/pg"
	"trunkline/internal/schema"
)

// chunk is a piece of the first generation of the table's history.
func (r *relation) chunk(number int) destination.Chunk {
	return destination.Chunk{Table: r.table, Generation: 1, Number: number}
}

// ended ends the copy of the first generation.
func (r *relation) ended() {
	r.story.t.Helper()
	r.story.migrate(schema.EndCopy{Table: r.table, Generation: 1})
}

func testCopy(t *testing.T, target Target) {
	tellAll(t, target, map[string]func(*story){
		"history, then changes":      tellHistory,
		"a chunk counts once":        tellChunkTwice,
		"a new generation":           tellGeneration,
		"a generation of new shape":  tellReshaped,
		"values of many types":       tellTypes,
		"rows without a key":         tellMultisetHistory,
		"rows of an append table":    tellAppendHistory,
		"values that do not fit":     tellHistoryBeside,
		"chunks of several at once":  tellParallel,
		"a reader of rows that ends": tellTornHistory,
	})
}

func tellHistory(s *story) {
	r := s.copying(items(spec{}), 1)
	r.load(r.chunk(0), was("1", "a", "b"), was("2", "c", null), was("3", "", "d"))
	r.load(r.chunk(1))
	r.load(r.chunk(2), was("4", "e", "f"))
	r.ended()
	r.update("1", "A", same)
	r.commit()
	r.delete("2")
	r.commit()
	r.insert("5", "g", "h")
	r.holds("1|A|b", "2|c|∅ marked", "3||d", "4|e|f", "5|g|h")
}

func tellChunkTwice(s *story) {
	r := s.copying(items(spec{}), 1)
	r.load(r.chunk(0), was("1", "a", "b"))
	r.load(r.chunk(0), was("1", "a", "b"))
	s.restart()
	r.load(r.chunk(0), was("not", "read", "again"))
	r.load(r.chunk(1), was("2", "c", "d"))
	r.ended()
	r.ended()
	r.holds("1|a|b", "2|c|d")
}

func tellGeneration(s *story) {
	sp := spec{columns: cols("id", text, "n", decimal), key: []string{"id"}}
	r := s.copying(sp, 1)
	r.load(r.chunk(0), was("1", "NaN"), was("2", "2.00"))
	r.beside(`["1"] n=NaN`)
	again := s.copying(sp, 2)
	again.holds()
	again.beside()
	chunk := again.chunk(0)
	chunk.Generation = 2
	again.load(chunk, was("3", "NaN"))
	s.migrate(schema.EndCopy{Table: again.table, Generation: 1}) // of a generation that is over
	if tables := s.claim(); tables[0].Copied {
		s.t.Fatal("the end of an earlier generation counts for the next")
	}
	s.migrate(schema.EndCopy{Table: again.table, Generation: 2})
	again.holds("3|∅")
	again.beside(`["3"] n=NaN`)
}

// claim takes the pipeline over and returns the tables that are remembered.
func (s *story) claim() (tables []destination.TableState) {
	s.t.Helper()
	for i := range s.lanes {
		c, err := s.lanes[len(s.lanes)-1-i].d.Claim(context.Background())
		s.must(err)
		tables = c.Tables // the target's come last
	}
	return tables
}

func tellReshaped(s *story) {
	r := s.copying(items(spec{}), 1)
	r.load(r.chunk(0), was("1", "a", "b"))
	s.tables = nil // of this shape it is gone
	r = s.copying(spec{columns: cols("id", bigint, "v", integer), key: []string{"id"}}, 2)
	r.holds()
	r.insert("7", "8")
	r.holds("7|8")
}

// every is a row with a column of each of many types.
var every = spec{columns: cols("id", uuid, "t", text, "b", boolean, "n", integer, "l", bigint, "d", decimal,
	"raw", bytea, "at", timestamp, "tz", timestamptz, "span", interval, "j", jsonb, "words", textList, "numbers", intList),
	key: []string{"id"}}

func everyRow(id string) []string {
	return was(id, "text ✓ \t\n\\", "t", "-7", "9007199254740993", "12345678.90",
		`\x00ff`, "2026-01-02 03:04:05.678901", "0044-03-15 12:00:00+00", "1 year 2 mons 3 days 04:05:06.789",
		`{"a": [1, null]}`, `{"a b",NULL,"{}","\"\\"}`, "{1,NULL,-3}")
}

func tellTypes(s *story) {
	const first, second, third = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12",
		"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a13"
	r := s.copying(every, 1)
	nulls := was(second)
	for range every.columns[1:] {
		nulls = append(nulls, null)
	}
	r.load(r.chunk(0), everyRow(first), nulls)
	r.ended()
	r.insert(everyRow(third)...)
	r.commit()
	r.update(everyRow(second)...)
	partly := was(first)
	for range every.columns[1:] {
		partly = append(partly, same)
	}
	partly[3] = "8"
	r.update(partly...)
	line := func(id, number string) string {
		return id + "|text ✓ \t\n\\|t|" + number + "|9007199254740993|12345678.90|" +
			`\x00ff|2026-01-02 03:04:05.678901|0044-03-15 12:00:00+00|1 year 2 mons 3 days 04:05:06.789|` +
			`{"a": [1, null]}|{"a b",NULL,"{}","\"\\"}|{1,NULL,-3}`
	}
	r.holds(line(first, "8"), line(second, "-7"), line(third, "-7"))
}

// tellMultisetHistory deletes by their values rows that were copied: the hashes
// of the copy and of the stream must be the same.
func tellMultisetHistory(s *story) {
	r := s.copying(spec{columns: cols("n", integer, "v", text, "d", decimal, "l", bigint), full: true, onDelete: schema.Delete}, 1)
	r.load(r.chunk(0), was("1", "a", "1.50", "9"), was("1", "a", "1.50", "9"), was(null, "", "NaN", null), was("3", null, null, "7"))
	r.ended()
	r.delete("1", "a", "1.50", "9")
	r.commit()
	r.delete(null, "", "NaN", null)
	r.updateFrom(was("3", null, null, "7"), "3", "x", same, same)
	r.holds("1|a|1.50|9", "3|x|∅|7")
	r.beside()
}

func tellAppendHistory(s *story) {
	sp := items(spec{mode: schema.Append})
	r := s.copying(sp, 1)
	r.load(r.chunk(0), was("1", "a", "b"))
	r.ended()
	r.delete("1")
	r.holds("R 1|a|b", "D 1|∅|∅")
}

func tellHistoryBeside(s *story) {
	r := s.copying(spec{columns: cols("id", text, "n", decimal, "at", intList), key: []string{"id"}}, 1)
	r.load(r.chunk(0), was("1", "NaN", "{{1},{2}}"), was("2", "1.00", "{{7},{8}}"))
	r.ended()
	r.beside(`["1"] at={{1},{2}}`, `["1"] n=NaN`, `["2"] at={{7},{8}}`)
	r.update("1", "2.00", same)
	r.holds("1|2.00|∅", "2|1.00|∅")
	r.beside(`["1"] at={{1},{2}}`, `["2"] at={{7},{8}}`)
}

func tellParallel(s *story) {
	r := s.copying(spec{columns: cols("id", text, "n", decimal), key: []string{"id"}}, 1)
	rows := func(chunk int) (rows [][]string) {
		for i := range 50 {
			n := "NaN"
			if i > 0 {
				n = strconv.Itoa(i) + ".00"
			}
			rows = append(rows, was(strconv.Itoa(100*chunk+i), n))
		}
		return rows
	}
	const chunks = 6
	s.both(func(l *lane) error {
		var wait sync.WaitGroup
		errs := make([]error, chunks)
		for n := range chunks {
			wait.Go(func() { errs[n] = l.d.Load(context.Background(), r.chunk(n), r.history(n, rows(n))) })
		}
		wait.Wait()
		return errors.Join(errs...)
	})
	r.ended()
	s.compare()
	read, err := s.lanes[0].store.Rows(r.table)
	s.must(err)
	if len(read) != 50*chunks {
		s.t.Fatalf("%d rows, want %d", len(read), 50*chunks)
	}
}

// tellTornHistory is a chunk whose reader fails after rows have come.
func tellTornHistory(s *story) {
	r := s.copying(items(spec{}), 1)
	err := s.lanes[0].d.Load(context.Background(), r.chunk(0), func(yield func(*batch.Rows, error) bool) {
		rows, err := copied(r.table, 0, pg.MicrosOf(start), was("1", "a", "b"))
		if yield(rows, err) {
			yield(nil, errLost)
		}
	})
	if !errors.Is(err, errLost) {
		s.t.Fatalf("load: %v, want the reader's error", err)
	}
	s.compare()
	r.load(r.chunk(0), was("2", "c", "d"))
	r.ended()
	r.holds("2|c|d")
}
