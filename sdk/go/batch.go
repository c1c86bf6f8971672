package tailrace

import (
	"iter"

	sampling "tailrace/internal/sampling"
)

// Scope is where an attribute sits.
type Scope = uint8

const (
	ResourceScope        Scope = sampling.ScopeResource
	InstrumentationScope Scope = sampling.ScopeInstrumentation
	SpanScope            Scope = sampling.ScopeSpan
	EventScope           Scope = sampling.ScopeEvent
	LinkScope            Scope = sampling.ScopeLink
)

// Field is a column of spans.
type Field = uint8

const (
	Status     Field = sampling.FieldsStatus
	SpanKind   Field = sampling.FieldsKind
	Start      Field = sampling.FieldsStart
	Duration   Field = sampling.FieldsDuration
	Name       Field = sampling.FieldsName
	Parent     Field = sampling.FieldsParent
	TraceState Field = sampling.FieldsTraceState
	OTLP       Field = sampling.FieldsOtlp // each trace whole; costs twenty times a column
)

// Needs are the columns that a policy looks at: NeedFields(Status).Span("customer.tier"). Figures of the whole trace need none.
type Needs struct {
	fields     uint8
	attributes []sampling.Attribute
}

// NeedFields asks for columns of spans.
func NeedFields(fields ...Field) Needs {
	var needs Needs
	for _, field := range fields {
		needs.fields |= field
	}
	return needs
}

// Span asks for an attribute of spans.
func (n Needs) Span(key string) Needs { return n.Attribute(SpanScope, key) }

// Resource asks for an attribute of the spans' resources.
func (n Needs) Resource(key string) Needs { return n.Attribute(ResourceScope, key) }

// Attribute asks for an attribute of any scope. Repeated calls give it the places 0, 1, 2 … in Batch.Column.
func (n Needs) Attribute(scope Scope, key string) Needs {
	n.attributes = append(n.attributes, sampling.Attribute{Scope: scope, Key: key})
	return n
}

// Batch is the traces of one tick, as columns. Nothing is decoded before it is asked for.
type Batch struct {
	columns    *sampling.Columns
	attributes []sampling.Attribute
	bound      []uint32
}

// Now is the tick's time, nanoseconds since 1970.
func (b *Batch) Now() uint64 { return b.columns.Now }

// Len is how many traces there are.
func (b *Batch) Len() int { return len(b.columns.TraceIds) / 16 }

// Trace is the trace at a place below Len.
func (b *Batch) Trace(place uint32) Trace { return Trace{b, int(place)} }

// Column has the codes of the attribute at this place of Needs: one per span (or event, or link) of the batch.
func (b *Batch) Column(place int) []uint32 {
	if place < len(b.bound) && int(b.bound[place]) < len(b.columns.Attributes) {
		return b.columns.Attributes[b.bound[place]].Codes
	}
	return nil
}

// Value is what a code stands for: nil (absent), string, int64, float64, bool, []byte, or JSON for arrays and maps. Equal values of one batch
// have equal codes.
func (b *Batch) Value(code uint32) any {
	dictionary, index := &b.columns.Dictionary, int(code&0x0fff_ffff)
	switch code >> 28 {
	case 1:
		return string(b.bytes(index))
	case 2:
		return at(dictionary.Ints, index)
	case 3:
		return at(dictionary.Doubles, index)
	case 4:
		return index != 0
	case 5:
		return b.bytes(index)
	case 6:
		return JSON(b.bytes(index))
	}
	return nil
}

// JSON is an array or a map.
type JSON string

func (b *Batch) bytes(index int) []byte {
	offsets := b.columns.Dictionary.StringOffsets
	if index+1 >= len(offsets) {
		return nil
	}
	return b.columns.Dictionary.StringPool[offsets[index]:offsets[index+1]]
}

func (b *Batch) find(scope Scope, key string) []uint32 {
	for place, attribute := range b.attributes {
		if attribute.Scope == scope && attribute.Key == key {
			return b.Column(place)
		}
	}
	return nil
}

// at is a column's entry, or 0 where nobody asked for the column.
func at[T any](column []T, place int) T {
	var none T
	if place < len(column) {
		return column[place]
	}
	return none
}

// Trace is a whole trace.
type Trace struct {
	batch *Batch
	place int
}

// Batch is the batch it is in.
func (t Trace) Batch() *Batch { return t.batch }

// ID has 16 bytes.
func (t Trace) ID() []byte { return t.batch.columns.TraceIds[t.place*16 : t.place*16+16] }

// Start is the earliest start, nanoseconds relative to Batch.Now (negative: before).
func (t Trace) Start() int64 { return at(t.batch.columns.Start, t.place) }

// Duration is from the earliest start to the latest end, nanoseconds.
func (t Trace) Duration() uint64 { return at(t.batch.columns.Duration, t.place) }

// Size is in bytes on the wire.
func (t Trace) Size() uint32 { return at(t.batch.columns.Size, t.place) }

// SpanCount counts the spans received so far, those decided before included.
func (t Trace) SpanCount() uint32 { return at(t.batch.columns.SpanCount, t.place) }

// SeenError says whether a span has the status error; the next ones alike.
func (t Trace) SeenError() bool       { return t.seen(4) }
func (t Trace) SeenOK() bool          { return t.seen(2) }
func (t Trace) SeenUnset() bool       { return t.seen(1) }
func (t Trace) SeenRoot() bool        { return t.seen(8) }
func (t Trace) SeenSampledFlag() bool { return t.seen(16) }

func (t Trace) seen(bit uint8) bool { return at(t.batch.columns.Seen, t.place)&bit != 0 }

// Spans are in the order of arrival; there are none unless Needs asks for a column of spans.
func (t Trace) Spans() iter.Seq[Span] {
	offsets := t.batch.columns.SpanOffsets
	return func(yield func(Span) bool) {
		for place := at(offsets, t.place); place < at(offsets, t.place+1); place++ {
			if !yield(Span{t.batch, int(place)}) {
				return
			}
		}
	}
}

// OTLP is the TracesData message; empty unless Needs asks for it.
func (t Trace) OTLP() []byte {
	offsets := t.batch.columns.OtlpOffsets
	return t.batch.columns.Otlp[at(offsets, t.place):at(offsets, t.place+1)]
}

// Span is a span. What Needs did not ask for is 0, empty or nil.
type Span struct {
	batch *Batch
	place int
}

// Status is 0 unset, 1 ok, 2 error.
func (s Span) Status() uint8 { return at(s.batch.columns.SpanStatus, s.place) }

// Kind is 1 internal, 2 server, 3 client, 4 producer, 5 consumer.
func (s Span) Kind() uint8 { return at(s.batch.columns.SpanKind, s.place) }

// Start is in nanoseconds, relative to Batch.Now.
func (s Span) Start() int64 { return at(s.batch.columns.SpanStart, s.place) }

// Duration is in nanoseconds.
func (s Span) Duration() uint64 { return at(s.batch.columns.SpanDuration, s.place) }

// Name is its name.
func (s Span) Name() string { return s.text(s.batch.columns.SpanName) }

// TraceState is its W3C trace state.
func (s Span) TraceState() string { return s.text(s.batch.columns.SpanTraceState) }

// Parent is its parent, if that is in the batch.
func (s Span) Parent() (Span, bool) {
	parent := at(s.batch.columns.SpanParent, s.place)
	return Span{s.batch, int(parent) - 1}, parent != 0
}

// Attribute is an attribute of the span, see Batch.Value.
func (s Span) Attribute(key string) any { return s.value(SpanScope, key) }

// Resource is an attribute of its resource.
func (s Span) Resource(key string) any { return s.value(ResourceScope, key) }

// Instrumentation is an attribute of its instrumentation scope.
func (s Span) Instrumentation(key string) any { return s.value(InstrumentationScope, key) }

// Events has an attribute of each of its events.
func (s Span) Events(key string) []any {
	return s.owned(s.batch.columns.EventOffsets, s.batch.find(EventScope, key))
}

// Links has an attribute of each of its links.
func (s Span) Links(key string) []any {
	return s.owned(s.batch.columns.LinkOffsets, s.batch.find(LinkScope, key))
}

func (s Span) value(scope Scope, key string) any {
	return s.batch.Value(at(s.batch.find(scope, key), s.place))
}

func (s Span) text(column []uint32) string {
	text, _ := s.batch.Value(at(column, s.place)).(string)
	return text
}

func (s Span) owned(offsets, codes []uint32) []any {
	var values []any
	for place := at(offsets, s.place); place < at(offsets, s.place+1) && int(place) < len(codes); place++ {
		values = append(values, s.batch.Value(codes[place]))
	}
	return values
}
