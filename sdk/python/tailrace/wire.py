"""Protobuf's wire format, as far as a transform needs it: finds fields of a message, and edits those inside it where they lie; what is not
touched is copied as it is. Numbers of fields are those in https://github.com/open-telemetry/opentelemetry-proto.
"""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def fields(message):
    """Each field: its number, and its value: bytes of strings, bytes and messages, else an unsigned int."""
    for number, kind, _, start, end in _walk(message):
        if kind == _BYTES:
            yield number, message[start:end]
        elif kind == _VARINT:
            yield number, _varint(message, start)[0]
        else:
            yield number, int.from_bytes(message[start:end], "little")


def _walk(message):
    # Each field: its number, its wire type, where it begins, where its value begins, where it ends.
    at, size = 0, len(message)
    while at < size:
        begin = at
        tag, start = _varint(message, at)
        kind = tag & 7
        if kind == _BYTES:
            length, start = _varint(message, start)
            at = start + length
        elif kind == _VARINT:
            _, at = _varint(message, start)
        elif kind == _FIXED64:
            at = start + 8
        elif kind == _FIXED32:
            at = start + 4
        else:
            raise ValueError(f"no message: wire type {kind}")
        if at > size:
            raise ValueError("no message: it ends within a field")
        yield tag >> 3, kind, begin, start, at


def _varint(message, at):
    value = message[at]
    at += 1
    if value < 0x80:
        return value, at
    value &= 0x7F
    shift = 7
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def find(message, number):
    """A field's value, None if it is not there."""
    found = None
    for known, value in fields(message):
        if known == number:
            found = value
    return found


def text(message, number):
    """A string field, empty if it is not there."""
    found = find(message, number)
    return found.decode("utf-8", "replace") if isinstance(found, bytes) else ""


def put(number, value):
    """A field to be written: a str, bytes (a message too), or an int from 0 up."""
    if isinstance(value, int):
        return _encode(number << 3 | _VARINT) + _encode(value)
    value = value.encode() if isinstance(value, str) else value
    return _encode(number << 3 | _BYTES) + _encode(len(value)) + value


def _encode(value):
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def edit(message, ways, visit):
    """Asks `visit` about each message at the end of a way, and gives the message that comes of it: `visit` gives back what it was given, other bytes
    to be put in its place, or None to take it out. The very message that was given if nothing changes.

    Ways are the numbers of fields, nested: {1: {2: {2: END}}} leads to the spans, metrics or log records of a request, by way of its resources and
    their scopes.
    """
    pieces = []
    written = 0
    for number, kind, begin, start, end in _walk(message):
        way = ways.get(number, _NOWHERE)
        if way is _NOWHERE or kind != _BYTES:
            continue
        part = message[start:end]
        edited = visit(part) if way is END else edit(part, way, visit)
        if edited is part:
            continue
        pieces.append(message[written:begin])
        if edited is not None:
            pieces.append(put(number, edited))
        written = end
    return b"".join([*pieces, message[written:]]) if pieces else message


END = None
_NOWHERE = object()

_OF_RESOURCE, _OF_SCOPE = {1: END}, {3: END}
_ATTRIBUTES = {
    "traces": {1: {1: _OF_RESOURCE, 2: {1: _OF_SCOPE, 2: {9: END, 11: {3: END}, 13: {4: END}}}}},
    # Data points of gauges, sums, histograms, exponential histograms, summaries.
    "metrics": {1: {1: _OF_RESOURCE, 2: {1: _OF_SCOPE, 2: {5: {1: {7: END}}, 7: {1: {7: END}}, 9: {1: {9: END}}, 10: {1: {1: END}}, 11: {1: {7: END}}}}}},
    "logs": {1: {1: _OF_RESOURCE, 2: {1: _OF_SCOPE, 2: {6: END}}}},
}


def edit_attributes(signal, request, visit):
    """Edits the attributes of resources, scopes, spans, their events and links, data points, and log records: `visit` is shown each as a KeyValue
    {1: key, 2: AnyValue {1: string ...}}. Those inside maps are part of their value."""
    return edit(request, _ATTRIBUTES[signal], visit)


def retain(message, keep, path=(1, 2, 2)):
    """Takes out the spans, metrics or log records that `keep` does not want, and scopes and resources that have none left; empty: nothing is left."""
    number, *rest = path

    def kept(part):
        if not rest:
            return part if keep(part) else None
        left = retain(part, keep, rest)
        return left if left or left is part else None

    edited = edit(message, {number: END}, kept)
    return edited if edited is message or find(edited, number) is not None else b""
