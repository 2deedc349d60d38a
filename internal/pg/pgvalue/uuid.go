package pgvalue

import "encoding/hex"

// uuidGroups are the bytes that stand together in the text form.
var uuidGroups = [...]struct{ from, to int }{{0, 4}, {4, 6}, {6, 8}, {8, 10}, {10, 16}}

func parseUUID(src []byte) (id [16]byte, err error) {
	if len(src) != 36 {
		return id, malformed("uuid", src)
	}
	at := 0
	for i, g := range uuidGroups {
		if i > 0 {
			if src[at] != '-' {
				return id, malformed("uuid", src)
			}
			at++
		}
		n, err := hex.Decode(id[g.from:g.to], src[at:at+2*(g.to-g.from)])
		if err != nil {
			return id, malformed("uuid", src)
		}
		at += 2 * n
	}
	return id, nil
}

func binaryUUID(src []byte) (id [16]byte, err error) {
	if len(src) != len(id) {
		return id, malformed("uuid", src)
	}
	return [16]byte(src), nil
}

func printUUID(dst, v []byte) []byte {
	for i, g := range uuidGroups {
		if i > 0 {
			dst = append(dst, '-')
		}
		dst = hex.AppendEncode(dst, v[g.from:g.to])
	}
	return dst
}
