package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"trunkline/internal/destination"
	"trunkline/internal/pg"
	"trunkline/internal/schema"
	"trunkline/internal/source"
)

// maxAutomaticReaders bounds how many connections copy unless the file says so:
// the source has other work to do.
const maxAutomaticReaders = 8

// copyTask is one chunk on its way.
type copyTask struct {
	object *Object
	chunk  destination.Chunk
	range_ source.Chunk
}

// copyAll loads the history of objects under a snapshot, over several
// connections, the largest tables first.
func (a *attempt) copyAll(ctx context.Context, snapshot *source.Snapshot, objects []*Object) error {
	a.progress.setPhase(Copying, "")
	if !a.Config.Source.LoadHistoricalData {
		return a.endCopies(ctx, objects)
	}
	tasks, left, err := a.planCopies(ctx, objects)
	if err != nil {
		return err
	}
	run := &copies{attempt: a, snapshot: snapshot, tasks: tasks, left: left}
	if err := run.work(ctx); err != nil {
		return err
	}
	for _, o := range objects {
		delete(a.reload, o.Source.Name)
	}
	a.Step("history loaded")
	return nil
}

// endCopies notes that there is nothing to copy.
func (a *attempt) endCopies(ctx context.Context, objects []*Object) error {
	var plan schema.Plan
	for _, o := range objects {
		state := a.state(o.Source.Name)
		state.Copied = true
		plan = append(plan, schema.EndCopy{Table: o.Table, Generation: state.Generation})
	}
	return a.destination.Migrate(ctx, plan)
}

// planCopies cuts the tables into chunks. Tables without a block are done at
// once.
func (a *attempt) planCopies(ctx context.Context, objects []*Object) (tasks []copyTask, left map[pg.Name]int, err error) {
	left = map[pg.Name]int{}
	largest := slices.SortedStableFunc(slices.Values(objects), func(x, y *Object) int {
		return cmp.Compare(y.Source.Bytes, x.Source.Bytes)
	})
	var empty []*Object
	for _, o := range largest {
		chunks, err := a.source.Chunks(ctx, &o.Source)
		if err != nil {
			return nil, nil, err
		}
		state := a.state(o.Source.Name)
		var blocks int64
		for _, c := range chunks {
			blocks += c.Blocks
			tasks = append(tasks, copyTask{o, destination.Chunk{Table: o.Table, Generation: state.Generation, Number: c.Number}, c})
		}
		a.progress.beginCopy(o.Source.Name, blocks)
		left[o.Source.Name] = len(chunks)
		if len(chunks) == 0 {
			empty = append(empty, o)
		}
	}
	if len(empty) > 0 {
		err = a.endCopies(ctx, empty)
	}
	return tasks, left, err
}

// copies is the loading of the history under way.
type copies struct {
	*attempt
	snapshot *source.Snapshot

	mu    sync.Mutex
	tasks []copyTask
	left  map[pg.Name]int // chunks that are not loaded yet
	err   error
}

// readers is how many connections copy.
func (c *copies) readers() int {
	n := c.Config.Source.Parallel
	if n == 0 {
		n = min(runtime.GOMAXPROCS(0)+1, maxAutomaticReaders)
	}
	return max(1, min(n, len(c.tasks)))
}

// work runs the readers; the first error stops them all.
func (c *copies) work(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var group sync.WaitGroup
	for range c.readers() {
		group.Go(func() {
			if err := c.reader(ctx); err != nil {
				c.fail(err)
				cancel()
			}
		})
	}
	group.Wait()
	return c.err
}

// fail keeps the first error: those after it come from the stop.
func (c *copies) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = err
	}
}

func (c *copies) next() (copyTask, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.tasks) == 0 {
		return copyTask{}, false
	}
	task := c.tasks[0]
	c.tasks = c.tasks[1:]
	return task, true
}

// reader copies chunks over one connection until there are none.
func (c *copies) reader(ctx context.Context) error {
	reader, err := c.snapshot.Reader(ctx)
	if err != nil {
		return err
	}
	defer reader.Close()
	for {
		task, ok := c.next()
		if !ok {
			return nil
		}
		if err := c.load(ctx, reader, task); err != nil {
			return err
		}
	}
}

// load copies one chunk.
func (c *copies) load(ctx context.Context, reader *source.Reader, task copyTask) error {
	name := task.object.Source.Name
	c.progress.beginChunk(name)
	counted := c.progress.table(name)
	rows := reader.Copy(ctx, task.range_, task.object.Table, task.object.Filter, func(rows int, bytes int64) {
		counted.rows.Add(int64(rows))
		counted.bytes.Add(bytes)
	})
	err := c.destination.Load(ctx, task.chunk, rows)
	switch {
	case errors.Is(err, source.ErrRewritten):
		c.Log.WarnContext(ctx, "the table was rewritten while it was copied; its load begins again", "object", name.String())
		return errAgain
	case err != nil:
		return keyFault(fmt.Errorf("load %v: %w", name, err))
	}
	c.Step("chunk loaded")
	c.progress.endChunk(name, task.range_.Blocks)
	return c.loaded(ctx, task.object)
}

// loaded notes a chunk; the last one of a table ends its copy.
func (c *copies) loaded(ctx context.Context, o *Object) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left[o.Source.Name]--
	if c.left[o.Source.Name] > 0 {
		return nil
	}
	if err := c.endCopies(ctx, []*Object{o}); err != nil {
		return err
	}
	c.progress.setState(o.Source.Name, CatchingUp)
	c.Step("table loaded")
	return nil
}
