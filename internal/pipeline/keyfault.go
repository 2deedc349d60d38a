package pipeline

import (
	"errors"

	"trunkline/internal/batch"
)

// keyFault says what to do about a key that the destination cannot hold.
func keyFault(err error) error {
	var k *batch.KeyError
	if !errors.As(err, &k) {
		return err
	}
	f := KeyValue.New("key column %q has the value %s", k.Column, k.Text).On(k.Object.String())
	if k.NotUTF8() {
		return f.Do("make the value UTF-8 at the source, or leave the table out: skip: true at the object").By(err)
	}
	return f.Do("columns: [{ name: %s, type: text }] at the object", k.Column).By(err)
}
