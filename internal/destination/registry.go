package destination

import "slices"

// Registry is the kinds of destination a program offers.
type Registry []Kind

// Find returns the kind of this name.
func (r Registry) Find(name string) (Kind, bool) {
	i := slices.IndexFunc(r, func(k Kind) bool { return k.Name == name })
	if i < 0 {
		return Kind{}, false
	}
	return r[i], true
}

// Settings returns for each kind a function that makes its empty settings, which
// is what package config reads a file with.
func (r Registry) Settings() map[string]func() any {
	m := map[string]func() any{}
	for _, k := range r {
		m[k.Name] = k.Settings
	}
	return m
}
