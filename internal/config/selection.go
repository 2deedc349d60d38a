package config

// Selection tells what a pipeline file says about each table of the source. It
// is made once and asked often; it does not change.
type Selection struct {
	all      bool // there is no list
	defaults Modes
	exact    map[[2]string]Object
	patterns []pattern
}

type pattern struct {
	name   ObjectName
	object Object
}

// Selection compiles the list of objects. Entries whose name is none, which Load
// refuses, name no table.
func (p *Pipeline) Selection() *Selection {
	s := &Selection{all: p.Objects == nil, defaults: p.Defaults.over(Modes{}), exact: map[[2]string]Object{}}
	for _, o := range p.Objects {
		name, err := ParseObjectName(o.Name)
		if err != nil {
			continue
		}
		o.Modes = o.over(p.Defaults.Modes)
		if schema, table, exact := name.Exact(); exact {
			s.exact[[2]string{schema, table}] = o
			continue
		}
		s.patterns = append(s.patterns, pattern{name, o})
	}
	return s
}

// Object returns what the file says about a table: its entry, with the table's
// own name and all modes filled in, and whether there is one. An exact name goes
// before a pattern, a pattern with more letters before one with fewer, a later
// entry before an earlier.
//
// Without a list every table is named, with the defaults. With a list a table
// that no entry names is not, and the caller decides by Source.IncludeNewTables
// whether it is a new one.
func (s *Selection) Object(schema, table string) (o Object, named bool) {
	o, named = s.governing(schema, table)
	if !named {
		o, named = Object{Modes: s.defaults}, s.all
	}
	o.Name = ObjectName{schema: glob{schema}, table: glob{table}}.String()
	return o, named
}

func (s *Selection) governing(schema, table string) (o Object, found bool) {
	if o, found = s.exact[[2]string{schema, table}]; found {
		return o, true
	}
	most := 0
	for _, p := range s.patterns {
		if letters := p.name.literals(); letters >= most && p.name.Matches(schema, table) {
			o, found, most = p.object, true, letters
		}
	}
	return o, found
}
