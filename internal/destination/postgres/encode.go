package postgres

import (
	"encoding/binary"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"trunkline/internal/pg"
	"trunkline/internal/pg/pgvalue"
)

// OIDs of types whose binary form is written here.
// https://github.com/postgres/postgres/blob/master/src/include/catalog/pg_type.dat
const (
	oidBool, oidBytea, oidName, oidInt8, oidInt2, oidInt4 = 16, 17, 19, 20, 21, 23
	oidText, oidOID, oidXID, oidCID, oidJSON, oidXML      = 25, 26, 28, 29, 114, 142
	oidFloat4, oidFloat8, oidBPChar, oidVarchar, oidDate  = 700, 701, 1042, 1043, 1082
	oidTime, oidTimestamp, oidTimestampTZ, oidInterval    = 1083, 1114, 1184, 1186
	oidNumeric, oidUUID, oidJSONB, oidXID8                = 1700, 2950, 3802, 5069
)

// field appends the value of a row, which is not null: its length and its bytes,
// as COPY BINARY takes them.
// https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.4
type field func(dst []byte, row int) []byte

// encoding makes the fields of an array.
type encoding func(arrow.Array) field

// encodingOf finds how values that travel as t are written in the binary form of
// a column of type oid, whose elements are of type elem; nil if not at all: text
// form is then understood by every type.
func encodingOf(t *pgvalue.Type, oid, elem uint32) encoding {
	if t.Kind == pgvalue.List {
		return listEncoding(t, elem)
	}
	fixed := map[pgvalue.Kind]struct {
		oid uint32
		e   encoding
	}{
		pgvalue.Bool: {oidBool, encodeBool}, pgvalue.Int16: {oidInt2, encodeInt16}, pgvalue.Int32: {oidInt4, encodeInt32},
		pgvalue.Int64: {oidInt8, encodeInt64}, pgvalue.Uint64: {oidXID8, encodeUint64}, pgvalue.Float32: {oidFloat4, encodeFloat32},
		pgvalue.Float64: {oidFloat8, encodeFloat64}, pgvalue.Bytes: {oidBytea, encodeBytes}, pgvalue.Date: {oidDate, encodeDate},
		pgvalue.Time: {oidTime, encodeTime}, pgvalue.Timestamp: {oidTimestamp, encodeTimestamp},
		pgvalue.TimestampTZ: {oidTimestampTZ, encodeTimestamp}, pgvalue.Interval: {oidInterval, encodeInterval},
		pgvalue.UUID: {oidUUID, encodeUUID}, pgvalue.Decimal: {oidNumeric, encodeDecimal(t)},
	}
	if f, ok := fixed[t.Kind]; ok && f.oid == oid {
		return f.e
	}
	switch {
	case t.Kind == pgvalue.Uint32 && (oid == oidOID || oid == oidXID || oid == oidCID):
		return encodeUint32
	case t.Kind != pgvalue.Text && t.Kind != pgvalue.JSON:
		return nil
	}
	switch oid {
	case oidText, oidVarchar, oidBPChar, oidName, oidJSON, oidXML:
		return encodeText
	case oidJSONB:
		return encodeJSONB
	case oidNumeric:
		return encodeNumeric
	}
	return nil
}

func beginField(dst []byte, size int) []byte { return binary.BigEndian.AppendUint32(dst, uint32(size)) }

func field16(dst []byte, v uint16) []byte {
	return binary.BigEndian.AppendUint16(beginField(dst, 2), v)
}
func field32(dst []byte, v uint32) []byte {
	return binary.BigEndian.AppendUint32(beginField(dst, 4), v)
}
func field64(dst []byte, v uint64) []byte {
	return binary.BigEndian.AppendUint64(beginField(dst, 8), v)
}

func encodeBool(a arrow.Array) field {
	v := a.(*array.Boolean)
	return func(dst []byte, row int) []byte {
		if v.Value(row) {
			return append(dst, 0, 0, 0, 1, 1)
		}
		return append(dst, 0, 0, 0, 1, 0)
	}
}

func encodeInt16(a arrow.Array) field {
	v := a.(*array.Int16)
	return func(dst []byte, row int) []byte { return field16(dst, uint16(v.Value(row))) }
}

func encodeInt32(a arrow.Array) field {
	v := a.(*array.Int32)
	return func(dst []byte, row int) []byte { return field32(dst, uint32(v.Value(row))) }
}

func encodeInt64(a arrow.Array) field {
	v := a.(*array.Int64)
	return func(dst []byte, row int) []byte { return field64(dst, uint64(v.Value(row))) }
}

func encodeUint32(a arrow.Array) field {
	v := a.(*array.Uint32)
	return func(dst []byte, row int) []byte { return field32(dst, v.Value(row)) }
}

func encodeUint64(a arrow.Array) field {
	v := a.(*array.Uint64)
	return func(dst []byte, row int) []byte { return field64(dst, v.Value(row)) }
}

func encodeFloat32(a arrow.Array) field {
	v := a.(*array.Float32)
	return func(dst []byte, row int) []byte { return field32(dst, math.Float32bits(v.Value(row))) }
}

func encodeFloat64(a arrow.Array) field {
	v := a.(*array.Float64)
	return func(dst []byte, row int) []byte { return field64(dst, math.Float64bits(v.Value(row))) }
}

func encodeBytes(a arrow.Array) field {
	v := a.(*array.Binary)
	return func(dst []byte, row int) []byte {
		value := v.Value(row)
		return append(beginField(dst, len(value)), value...)
	}
}

func encodeText(a arrow.Array) field {
	v := a.(*array.String)
	return func(dst []byte, row int) []byte {
		value := v.Value(row)
		return append(beginField(dst, len(value)), value...)
	}
}

// encodeJSONB writes the version of the form in front, which is 1.
func encodeJSONB(a arrow.Array) field {
	v := a.(*array.String)
	return func(dst []byte, row int) []byte {
		value := v.Value(row)
		return append(append(beginField(dst, 1+len(value)), 1), value...)
	}
}

// encodeDate counts from 2000-01-01; the infinities are the ends of the range.
func encodeDate(a arrow.Array) field {
	v := a.(*array.Date32)
	const days = int32(pg.EpochOffset / (24 * 3600 * 1e6))
	return func(dst []byte, row int) []byte {
		switch day := int32(v.Value(row)); day {
		case math.MaxInt32:
			return field32(dst, math.MaxInt32)
		case -math.MaxInt32:
			return field32(dst, 1<<31)
		default:
			return field32(dst, uint32(day-days))
		}
	}
}

func encodeTime(a arrow.Array) field {
	v := a.(*array.Time64)
	return func(dst []byte, row int) []byte { return field64(dst, uint64(v.Value(row))) }
}

// encodeTimestamp counts from 2000-01-01; the infinities are the ends of the
// range.
func encodeTimestamp(a arrow.Array) field {
	v := a.(*array.Timestamp)
	return func(dst []byte, row int) []byte { return appendInstant(dst, pg.Micros(v.Value(row))) }
}

func appendInstant(dst []byte, at pg.Micros) []byte {
	switch at {
	case pg.InfinityMicros:
		return field64(dst, math.MaxInt64)
	case -pg.InfinityMicros:
		return field64(dst, 1<<63)
	}
	return field64(dst, uint64(at.ToEpoch()))
}

func encodeInterval(a arrow.Array) field {
	v := a.(*array.MonthDayNanoInterval)
	return func(dst []byte, row int) []byte {
		span := v.Value(row)
		dst = binary.BigEndian.AppendUint64(beginField(dst, 16), uint64(span.Nanoseconds/1000))
		dst = binary.BigEndian.AppendUint32(dst, uint32(span.Days))
		return binary.BigEndian.AppendUint32(dst, uint32(span.Months))
	}
}

func encodeUUID(a arrow.Array) field {
	v := a.(*array.FixedSizeBinary)
	return func(dst []byte, row int) []byte { return append(beginField(dst, 16), v.Value(row)...) }
}
