package destinationtest

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"

	"trunkline/internal/schema"
)

func testLarge(t *testing.T, target Target) {
	each(t, target, map[string]func(*testing.T, Store){
		"many rows in one batch": largeBatch,
		"a value of 20 MB":       largeValue,
	})
}

// largeBatch inserts 200,000 rows in one part, and then changes and deletes some
// of each sort in a second one.
func largeBatch(t *testing.T, store Store) {
	const rows = 200_000
	s := newStory(t, store)
	r := s.table(spec{columns: cols("id", bigint, "v", text, "n", integer), key: []string{"id"}, onDelete: schema.Delete})
	for i := range rows {
		r.insert(strconv.Itoa(i), "some text for row "+strconv.Itoa(i), strconv.Itoa(i%100))
	}
	s.flush()
	for i := 0; i < rows; i += 4 {
		r.update(strconv.Itoa(i), same, "-1")
		r.delete(strconv.Itoa(i + 1))
		r.update(strconv.Itoa(i+2), "other", "-2")
	}
	s.flush()
	read, err := store.Rows(r.table)
	must(t, err)
	if len(read) != rows*3/4 {
		t.Fatalf("%d rows, want %d", len(read), rows*3/4)
	}
	for _, row := range read {
		id, err := strconv.Atoi(*row[0])
		must(t, err)
		v, n := "some text for row "+*row[0], strconv.Itoa(id%100)
		switch id % 4 {
		case 0:
			n = "-1"
		case 2:
			v, n = "other", "-2"
		}
		if *row[1] != v || *row[2] != n {
			t.Fatalf("row %d is %q, %q, want %q, %q", id, *row[1], *row[2], v, n)
		}
	}
}

// largeValue is copied, sent, kept by an update that does not touch it, and
// replaced by a short one.
func largeValue(t *testing.T, store Store) {
	s := newStory(t, store)
	long := strings.Repeat("0123456789abcdef", 20<<20/16)
	r := s.copying(items(spec{}), 1)
	r.load(r.chunk(0), was("1", long, "a"))
	r.ended()
	r.insert("2", long+"!", "b")
	s.flush()
	r.update("1", same, "A")
	r.updateFrom(was("2"), "3", same, "B")
	s.flush()
	for _, row := range must1(store.Rows(r.table))(t) {
		want := long
		if *row[0] != "1" {
			want += "!"
		}
		if *row[1] != want {
			t.Fatalf("row %s has a value of %d bytes, want %d", *row[0], len(*row[1]), len(want))
		}
	}
	r.update("1", "short", same)
	r.update("3", "short", same)
	r.delete("2")
	s.flush()
	if rows := must1(store.Rows(r.table))(t); len(rows) != 3 {
		t.Fatalf("%d rows, want 3", len(rows))
	}
}

// must1 is must for what has a value.
func must1[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		must(t, err)
		return v
	}
}

// testReaders reads a table while batches are applied to it, in many parts. In
// each transaction one account gives what another gets, and a receipt comes and
// goes: the sum never changes, and there is always one receipt.
func testReaders(t *testing.T, target Target) {
	if !target.Concurrent {
		return
	}
	s := newStory(t, target.New(t))
	s.rhythm = parts
	r := s.table(spec{columns: cols("id", text, "amount", integer), key: []string{"id"}, onDelete: schema.Delete})
	const accounts, amount, batches = 5, 100, 40
	for i := range accounts {
		r.insert(fmt.Sprint("account ", i), strconv.Itoa(amount))
	}
	r.insert("receipt 0", "0")
	s.flush()
	done := make(chan struct{})
	var wait sync.WaitGroup
	for range 2 {
		wait.Go(func() {
			for {
				if err := balanced(s.lanes[0].store, r.table, accounts, amount); err != nil {
					t.Error(err)
					return
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	transfer(s, r, accounts, amount, batches)
	close(done)
	wait.Wait()
	s.compare()
}

// transfer applies batches of one transfer each.
func transfer(s *story, r *relation, accounts, amount, batches int) {
	held := make([]int, accounts)
	for i := range held {
		held[i] = amount
	}
	for n := range batches {
		from, to := n%accounts, (n*n+1)%accounts
		held[from] -= n
		r.update(fmt.Sprint("account ", from), strconv.Itoa(held[from]))
		held[to] += n
		r.update(fmt.Sprint("account ", to), strconv.Itoa(held[to]))
		r.delete(fmt.Sprint("receipt ", n))
		r.insert(fmt.Sprint("receipt ", n+1), "0")
		s.flush()
	}
}

// balanced reads the accounts once.
func balanced(store Store, t *schema.Table, accounts, amount int) error {
	rows, err := store.Rows(t)
	if err != nil {
		return err
	}
	sum := 0
	for _, row := range rows {
		n, err := strconv.Atoi(*row[1])
		if err != nil {
			return err
		}
		sum += n
	}
	if len(rows) != accounts+1 || sum != accounts*amount {
		return fmt.Errorf("a reader saw %d rows and a sum of %d, want %d and %d", len(rows), sum, accounts+1, accounts*amount)
	}
	return nil
}
