package config

import (
	"fmt"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"
)

// section decodes a mapping, or the short form that the section declares for a
// lone value or list. n is nil for a section that is not in the file: it then
// gets its defaults, and nothing is asked of it.
func (d *decoder) section(f *Field, n *yaml.Node, v reflect.Value, path string) {
	switch {
	case n == nil:
	case n.Kind == yaml.MappingNode && len(f.Fields) > 0:
		d.pairs(f, n, v, path)
	case n.Kind == yaml.ScalarNode && f.Scalar != nil:
		d.short(f.Scalar, n, v, path)
	case n.Kind == yaml.SequenceNode && f.List != nil:
		d.short(f.List, n, v, path)
	default:
		d.notSection(f, n, path)
		return
	}
	for i := range f.Fields {
		d.absent(&f.Fields[i], v, path, n != nil)
	}
	if f.Scalar != nil && f.Scalar.Name == "" {
		d.absent(f.Scalar, v, path, n != nil)
	}
	if c, ok := v.Addr().Interface().(Completer); ok {
		c.Complete(&Report{d, path})
	}
}

func (d *decoder) short(f *Field, n *yaml.Node, v reflect.Value, section string) {
	path := joinPath(section, f.Name)
	d.given[path] = d.value(f, nil, n, v.FieldByIndex(f.index), path)
}

func (d *decoder) notSection(f *Field, n *yaml.Node, path string) {
	wanted, action := "a section", "write its keys on indented lines below"
	if len(f.Fields) > 0 {
		action += ", such as " + f.Fields[0].sample()
	}
	if f.Scalar != nil && f.List != nil {
		wanted, action = "a word or a list", "write "+f.Scalar.oneOf()+" or a list"
	}
	d.refuse(WrongType, path, "is "+d.kindOf(n)+" and not "+wanted, action)
}

// pairs decodes the keys and values of a mapping and notes what was given.
func (d *decoder) pairs(f *Field, n *yaml.Node, v reflect.Value, path string) {
	first := map[string]place{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, val := n.Content[i], n.Content[i+1]
		name, ok := d.key(key, val, n, path)
		if !ok {
			continue
		}
		here, at := joinPath(path, clip(name)), place{key.Line, key.Column}
		if before, twice := first[name]; twice {
			d.refuseAt(at, DuplicateKey, here,
				fmt.Sprintf("%s is given twice; the first is in line %d", quote(name), before.line), "")
			continue
		}
		first[name] = at
		m := f.find(name)
		if m == nil {
			d.unknown(f, name, path, at)
			continue
		}
		d.given[here] = d.value(m, key, val, v.FieldByIndex(m.index), here)
	}
}

// key returns the text of a key, unless it is none of ours.
func (d *decoder) key(key, val, mapping *yaml.Node, path string) (string, bool) {
	at, k := place{key.Line, key.Column}, follow(key)
	switch {
	case k.Kind != yaml.ScalarNode:
		d.refuseAt(at, WrongType, path, "a key is "+d.kindOf(k)+" and not a word", "")
	case k.ShortTag() == "!!merge":
		d.refuseAt(at, UnknownKey, path, "merge keys (<<) are not supported", "write the settings out")
	case mapping.Style&yaml.FlowStyle != 0 && isNull(val) && val.Value == "":
		// { password: ab,cd } has the key cd, which is half of a password: it
		// must not be printed.
		d.refuseAt(at, WrongType, path, "a word between { and } has no value",
			"put quotes around values that hold a comma, or leave the word out")
	default:
		return k.Value, true
	}
	return "", false
}

// unknown refuses a key that nobody declared. A field that was probably meant
// counts as refused too, so that it is not reported as missing as well.
func (d *decoder) unknown(f *Field, name, section string, at place) {
	cause := "unknown key " + quote(name)
	action := "take it out; the keys here are " + strings.Join(f.usable(), ", ")
	if hint, meant := suggest(name, f, d.homes); hint != "" {
		cause, action = cause+"; "+hint, ""
		if meant != "" {
			d.bad[joinPath(section, meant)] = true
		}
	}
	d.refuseAt(at, UnknownKey, joinPath(section, clip(name)), cause, action)
}

// absent gives a field that is not in the file its default. asked tells whether
// its section is there, so that mandatory fields are missed.
func (d *decoder) absent(f *Field, v reflect.Value, section string, asked bool) {
	path := joinPath(section, f.Name)
	_, written := d.at[path]
	switch v = v.FieldByIndex(f.index); {
	case d.given[path] || f.NotYet:
	case f.Required && asked && !d.bad[path]:
		d.missing(f, section, path, written)
	case f.Required || v.Kind() == reflect.Pointer:
	case f.Type == TypeSection:
		d.section(f, nil, v, path)
	case f.Default != "":
		if err := f.setText(v, f.Default); err != nil {
			panic(fmt.Sprintf("config: %s: default %q %v", f.Path, f.Default, err))
		}
	}
}

func (d *decoder) missing(f *Field, section, path string, written bool) {
	cause, action := quote(f.Name)+" is missing", fmt.Sprintf("add %q", f.sample())
	if f.Type == TypeSection {
		action += " with its keys on indented lines below, such as " + f.Fields[0].sample()
	}
	switch {
	case written:
		cause, action = "is empty", fmt.Sprintf("give it a value, such as %q", f.sample())
		if w := d.written[path]; w.refers {
			cause = d.shown(path) + " is empty"
		}
	case section != "":
		action += " below " + quote(section)
	}
	d.refuse(Missing, path, cause, action)
}
