package config

import (
	"fmt"
	"reflect"
	"strconv"

	"go.yaml.in/yaml/v3"

	"trunkline/internal/fault"
)

// Completer is a section of settings with rules that tags cannot express.
//
// Complete is called once the section's own fields are decoded, inner sections
// first, also for a section that is not in the file. It fills in defaults that
// depend on other fields and reports what is wrong. Fields with a problem may
// hold anything; Report.Sound tells.
type Completer interface {
	Complete(r *Report)
}

// selfReader is a section whose fields depend on its content. It returns
// whether the section was readable.
type selfReader interface {
	read(d *decoder, f *Field, n *yaml.Node, path string)
}

// maxValues bounds the work for one file: aliases of aliases can make a small
// file an enormous one.
const maxValues = 250_000

// decoder reads one document into a declared struct. It never stops at a
// problem; it collects them.
type decoder struct {
	file     string
	env      Environment
	kinds    Kinds
	homes    []home
	problems []problem
	warnings []problem
	// By path: where a field stands, what stands there, whether it has a value,
	// and whether it or something in it was refused.
	at      map[string]place
	written map[string]written
	given   map[string]bool
	bad     map[string]bool
	values  int
}

// written is a value as the file has it.
type written struct {
	text   string
	refers bool // has ${NAME} or is file:PATH
	secret bool
}

// Decode reads a YAML document into a pointer to a struct whose tags declare its
// settings (see [Field]), resolves references and applies defaults. The error
// is nil or a *fault.Error that tells every problem of the document, by
// position in file. Warnings come in the same form.
func Decode(file string, doc *yaml.Node, into any, env Environment) (warnings []string, err error) {
	d := newDecoder(file, into, env, nil)
	d.document(doc, reflect.ValueOf(into).Elem())
	return d.results()
}

func newDecoder(file string, into any, env Environment, kinds Kinds) *decoder {
	all := homes("", Fields(into))
	for _, name := range kinds.names() {
		all = append(all, homes("destination", Fields(kinds[name]()))...)
	}
	return &decoder{
		file: file, env: env, kinds: kinds, homes: all,
		at: map[string]place{}, written: map[string]written{},
		given: map[string]bool{}, bad: map[string]bool{},
	}
}

func (d *decoder) results() (warnings []string, err error) {
	return warningLines(d.file, d.warnings), asError(d.file, d.problems)
}

func (d *decoder) document(doc *yaml.Node, v reflect.Value) {
	if doc.Kind == yaml.DocumentNode {
		doc = doc.Content[0]
	}
	n := follow(doc)
	d.at[""] = place{n.Line, n.Column}
	if n.Kind != yaml.MappingNode {
		d.refuse(WrongType, "", "the file is "+d.kindOf(n)+" and not keys with values",
			"write lines of the form key: value, such as name: shop")
		return
	}
	d.section(declaration(v.Type(), ""), n, v, "")
}

// refuse adds a problem at the field's place, or at that of the innermost given
// section around it.
func (d *decoder) refuse(k *fault.Kind, path, cause, action string) {
	d.refuseAt(d.place(path), k, path, cause, action)
}

func (d *decoder) refuseAt(at place, k *fault.Kind, path, cause, action string) {
	d.problems = append(d.problems, problem{k, at, path, cause, action})
	for ; path != ""; path = parent(path) {
		d.bad[path] = true
	}
}

func (d *decoder) warn(path, text string) {
	d.warnings = append(d.warnings, problem{at: d.place(path), path: path, cause: text})
}

func (d *decoder) place(path string) place {
	for ; path != ""; path = parent(path) {
		if at, ok := d.at[path]; ok {
			return at
		}
	}
	return d.at[""]
}

// parent is the section or list around a path: "a" of "a.b", "a" of "a[0]".
func parent(path string) string {
	for i := len(path) - 1; i > 0; i-- {
		if path[i] == '.' || path[i] == '[' {
			return path[:i]
		}
	}
	return ""
}

// value decodes n into v and reports whether the field counts as given. key is
// the field's key, nil for an entry of a list.
func (d *decoder) value(f *Field, key, n *yaml.Node, v reflect.Value, path string) bool {
	if d.tooMuch() {
		return true
	}
	n = follow(n)
	d.at[path] = place{n.Line, n.Column}
	if key != nil && (n.Kind != yaml.ScalarNode || isNull(n)) {
		d.at[path] = place{key.Line, key.Column}
	}
	switch {
	case f.NotYet:
		d.refuse(NotYet, path, quote(f.Name)+" is not available in this version yet", "leave it out")
	case isNull(n):
		d.noValue(f, path)
	default:
		return d.content(f, n, v, path)
	}
	return true
}

func (d *decoder) content(f *Field, n *yaml.Node, v reflect.Value, path string) bool {
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	if own, ok := v.Addr().Interface().(selfReader); ok {
		own.read(d, f, n, path)
		return true
	}
	switch f.Type {
	case TypeSection:
		d.section(f, n, v, path)
	case TypeList:
		d.list(f, n, v, path)
	default:
		return d.scalar(f, n, v, path)
	}
	return true
}

// tooMuch counts a value. From the first one too many on it is true, and the
// document is refused as a whole.
func (d *decoder) tooMuch() bool {
	if d.values > maxValues {
		return true
	}
	if d.values++; d.values <= maxValues {
		return false
	}
	d.refuseAt(place{}, Unreadable, "", fmt.Sprintf("more than %d values", maxValues),
		"write fewer aliases (*name), or patterns in place of names")
	return true
}

// noValue refuses a key with nothing behind it. It is never taken as "not
// given": for a list such as objects nobody could tell all from none.
func (d *decoder) noValue(f *Field, path string) {
	action := "write a value, or leave the key out"
	switch {
	case f.Name == "":
		action = "write a value, or take the entry out"
	case f.Secret:
		action = "write a value; one that begins with #, & or ! needs quotes around it"
	case f.Type == TypeList && f.Otherwise != "":
		action = fmt.Sprintf("leave the key out for %s, or write %s: [] for none", f.Otherwise, f.Name)
	case f.Required:
		action = fmt.Sprintf("give it a value, such as %q", f.sample())
	case f.Default != "":
		action = "write a value, or leave the key out for the default, " + f.Default
	}
	d.refuse(Missing, path, "has no value", action)
}

func (d *decoder) list(f *Field, n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.SequenceNode {
		action := "write each entry on a line of its own, after a hyphen"
		if f.Elem.Type != TypeSection {
			action = fmt.Sprintf("write it as %s: [..., ...]", f.Name)
		}
		d.refuse(WrongType, path, "is "+d.kindOf(n)+" and not a list", action)
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
	for i, item := range n.Content {
		at := path + "[" + strconv.Itoa(i) + "]"
		if d.values > maxValues {
			return
		}
		if !d.value(f.Elem, nil, item, v.Index(i), at) {
			d.refuse(Missing, at, "the entry is empty", "write a value, or take the entry out")
		}
	}
	switch {
	case f.within(v):
	case v.Len() == 0:
		d.refuse(NotAllowed, path, "the list is empty", "add an entry, or leave the key out")
	default:
		d.refuse(NotAllowed, path, "has "+strconv.Itoa(v.Len())+" entries: "+f.bounds()+" are allowed", "")
	}
}

// kindOf names what a node is, without its content.
func (d *decoder) kindOf(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a section (keys with values)"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case isNull(n):
		return "empty"
	default:
		return "a single value"
	}
}

// follow returns what an alias stands for. Chains end: YAML lets an alias name
// only an anchor before it.
func follow(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null"
}
