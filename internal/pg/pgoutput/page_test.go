package pgoutput_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// page is a golden file: chapters of SQL, and what a server said about each.
//
//	servers: 14 and newer
//	options: proto_version '1'
//	prepare: create table t (id int primary key)
//
//	= A row is inserted.
//	> insert into t values (1)
//	  begin T1, to commit at L1
//	  ...
//
// Steps of a second session begin with ">>".
type page struct {
	path     string
	intro    string // the first lines, as they are
	since    int
	options  string   // of START_REPLICATION
	settings []string // of the session
	prepare  []string
	chapters []chapter
}

type chapter struct {
	title string
	steps []step
	story string
}

type step struct {
	second bool // in the second session
	sql    string
}

func pages(t testing.TB) []*page {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.golden")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	var all []*page
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		p, err := parsePage(path, string(text))
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		all = append(all, p)
	}
	return all
}

func parsePage(path, text string) (*page, error) {
	intro, rest, _ := strings.Cut(text, "\n= ")
	p := &page{path: path, intro: intro}
	for line := range strings.SplitSeq(intro, "\n") {
		key, value, _ := strings.Cut(line, ": ")
		switch key {
		case "servers":
			if _, err := fmt.Sscanf(value, "%d and newer", &p.since); err != nil {
				return nil, err
			}
		case "options":
			p.options = value
		case "settings":
			p.settings = append(p.settings, value)
		case "prepare":
			p.prepare = append(p.prepare, value)
		}
	}
	for part := range strings.SplitSeq(rest, "\n= ") {
		p.chapters = append(p.chapters, parseChapter(part))
	}
	return p, nil
}

func parseChapter(text string) chapter {
	title, rest, _ := strings.Cut(text, "\n")
	c := chapter{title: title}
	var story strings.Builder
	for line := range strings.Lines(rest) {
		if sql, ok := strings.CutPrefix(line, ">> "); ok {
			c.steps = append(c.steps, step{true, strings.TrimSpace(sql)})
		} else if sql, ok := strings.CutPrefix(line, "> "); ok {
			c.steps = append(c.steps, step{false, strings.TrimSpace(sql)})
		} else if strings.TrimSpace(line) != "" {
			story.WriteString(line)
		}
	}
	c.story = story.String()
	return c
}

// String is the text of the page.
func (p *page) String() string {
	var b strings.Builder
	b.WriteString(p.intro)
	for _, c := range p.chapters {
		fmt.Fprintf(&b, "\n= %s\n", c.title)
		for _, s := range c.steps {
			b.WriteString(map[bool]string{false: "> ", true: ">> "}[s.second] + s.sql + "\n")
		}
		b.WriteString(c.story)
	}
	return b.String()
}
