// Package wire is protobuf's wire format, as far as a transform needs it: it finds fields of a message, and edits those inside it where they
// lie; what is not touched is copied as it is. Numbers of fields are those in https://github.com/open-telemetry/opentelemetry-proto.
package wire

import (
	"encoding/binary"
	"fmt"
	"iter"
	"unsafe"
)

// Path is the way to messages inside a message: the number of the field at each step.
type Path []uint64

// Items is the way to the spans, metrics or log records of a request: its resources, their scopes, the items of those.
var Items = Path{1, 2, 2}

// Field is a field of a message. Its value is Bytes (of strings, bytes and messages), else Integer: of a double, its bits.
type Field struct {
	Number     uint64
	Bytes      []byte
	Integer    uint64
	begin, end int
}

const (
	varint  = 0
	fixed64 = 1
	bytes   = 2
	fixed32 = 5
)

// Fields are those of a message, in order. What is no message is a panic: the host has checked the request.
func Fields(message []byte) iter.Seq[Field] {
	return func(yield func(Field) bool) {
		for at := 0; at < len(message); {
			field := Field{begin: at}
			tag := take(message, &at)
			field.Number = tag >> 3
			switch tag & 7 {
			case varint:
				field.Integer = take(message, &at)
			case fixed64:
				field.Integer = binary.LittleEndian.Uint64(message[at:])
				at += 8
			case bytes:
				length := int(take(message, &at))
				field.Bytes = message[at : at+length]
				at += length
			case fixed32:
				field.Integer = uint64(binary.LittleEndian.Uint32(message[at:]))
				at += 4
			default:
				panic(fmt.Sprintf("no message: wire type %d", tag&7))
			}
			field.end = at
			if !yield(field) {
				return
			}
		}
	}
}

func take(message []byte, at *int) uint64 {
	value, size := binary.Uvarint(message[*at:])
	if size <= 0 {
		panic("no message: it ends within a field")
	}
	*at += size
	return value
}

// Find gives a field, and whether it is there.
func Find(message []byte, number uint64) (Field, bool) {
	var found Field
	for field := range Fields(message) {
		if field.Number == number {
			found = field
		}
	}
	return found, found.Number == number
}

// Text is a string field, empty if it is not there.
func Text(message []byte, number uint64) string {
	field, _ := Find(message, number)
	return string(field.Bytes)
}

// Put appends a field of bytes: a string's, or a message's.
func Put[B string | []byte](to []byte, number uint64, value B) []byte {
	to = binary.AppendUvarint(to, number<<3|bytes)
	to = binary.AppendUvarint(to, uint64(len(value)))
	return append(to, value...)
}

// PutInteger appends an integer field.
func PutInteger(to []byte, number, value uint64) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(to, number<<3|varint), value)
}

// Edit asks visit about each message at the end of path, and gives the message that comes of it: visit gives back what it was given (which it
// must not write into), other bytes to be put in its place, or nil to take it out. The very message that was given if nothing changes.
func Edit(message []byte, path Path, visit func([]byte) []byte) []byte {
	var edited []byte
	written := 0
	for field := range Fields(message) {
		if field.Number != path[0] || field.Bytes == nil {
			continue
		}
		part := field.Bytes
		if len(path) > 1 {
			part = Edit(part, path[1:], visit)
		} else {
			part = visit(part)
		}
		if Same(part, field.Bytes) {
			continue
		}
		if edited == nil { // empty is not gone
			edited = make([]byte, 0, len(message))
		}
		edited = append(edited, message[written:field.begin]...)
		if part != nil {
			edited = Put(edited, field.Number, part)
		}
		written = field.end
	}
	if edited == nil {
		return message
	}
	return append(edited, message[written:]...)
}

// Retain takes out the spans, metrics or log records that keep does not want, and scopes and resources that have none left; empty: nothing is left.
func Retain(message []byte, keep func([]byte) bool) []byte {
	return retain(message, Items, keep)
}

func retain(message []byte, path Path, keep func([]byte) bool) []byte {
	edited := Edit(message, path[:1], func(part []byte) []byte {
		if len(path) > 1 {
			return retain(part, path[1:], keep)
		}
		if keep(part) {
			return part
		}
		return nil
	})
	if _, left := Find(edited, path[0]); left || Same(edited, message) {
		return edited
	}
	return nil
}

// Same says whether both are the same bytes at the same place.
func Same(a, b []byte) bool { return len(a) == len(b) && unsafe.SliceData(a) == unsafe.SliceData(b) }
