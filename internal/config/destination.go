package config

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Destination is where rows go. The kind of destination declares its fields.
type Destination struct {
	Type string `yaml:"type" title:"Destination Type" required:"true" aka:"kind" example:"duckdb" doc:"The kind of destination; it decides which other keys there are."`
	// Settings is what the type's function in Kinds made, filled in.
	Settings any
}

// Kinds are the types of destinations: each returns a pointer to a new struct
// whose tags declare the type's settings (see [Field]). The key type is taken.
type Kinds map[string]func() any

func (k Kinds) names() []string { return slices.Sorted(maps.Keys(k)) }

// read decodes the type first, since the other keys depend on it.
func (dst *Destination) read(d *decoder, f *Field, n *yaml.Node, path string) {
	if n.Kind != yaml.MappingNode {
		d.notSection(f, n, path)
		return
	}
	head, rest := split(n, "type")
	d.section(f, head, reflect.ValueOf(dst).Elem(), path)
	kind, known := d.kinds[dst.Type]
	if !known {
		if d.given[joinPath(path, "type")] && !d.bad[joinPath(path, "type")] {
			d.unknownKind(dst.Type, joinPath(path, "type"))
		}
		return
	}
	dst.Settings = kind()
	v := reflect.ValueOf(dst.Settings).Elem()
	d.section(declaration(v.Type(), path), rest, v, path)
}

func (d *decoder) unknownKind(name, path string) {
	cause := d.shown(path) + " is not a type of destination"
	if near := nearest(name, d.kinds.names()); near != "" && !d.written[path].refers {
		cause += "; did you mean " + quote(near) + "?"
	}
	d.refuse(NotAllowed, path, cause, "write one of "+strings.Join(d.kinds.names(), ", "))
}

// split parts a mapping into the pairs with this key and all others.
func split(n *yaml.Node, key string) (with, without *yaml.Node) {
	with, without = bare(n), bare(n)
	for i := 0; i+1 < len(n.Content); i += 2 {
		to := without
		if k := follow(n.Content[i]); k.Kind == yaml.ScalarNode && k.Value == key {
			to = with
		}
		to.Content = append(to.Content, n.Content[i], n.Content[i+1])
	}
	return with, without
}

// bare is a mapping without its pairs.
func bare(n *yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: n.Kind, Style: n.Style, Tag: n.Tag, Line: n.Line, Column: n.Column}
}
