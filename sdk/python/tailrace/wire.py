"""Protobuf's wire format, as far as a transform needs it: finds fields of a message, and edits those inside it where they lie; what is not
touched is copied as it is. Numbers of fields are those in https://github.com/open-telemetry/opentelemetry-proto.
"""

# The way to the spans, metrics or log records of a request: its resources, their scopes, the items of those.
ITEMS = (1, 2, 2)

# The ways to attributes.
_OF_RESOURCE_AND_SCOPE = [(1, 1, 1), (1, 2, 1, 3)]
_ATTRIBUTES = {
    "traces": [*_OF_RESOURCE_AND_SCOPE, (1, 2, 2, 9), (1, 2, 2, 11, 3), (1, 2, 2, 13, 4)],
    # Data points of gauges, sums, histograms, exponential histograms, summaries.
    "metrics": [*_OF_RESOURCE_AND_SCOPE, (1, 2, 2, 5, 1, 7), (1, 2, 2, 7, 1, 7), (1, 2, 2, 9, 1, 9), (1, 2, 2, 10, 1, 1), (1, 2, 2, 11, 1, 7)],
    "logs": [*_OF_RESOURCE_AND_SCOPE, (1, 2, 2, 6)],
}

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def fields(message):
    """Each field: its number, its value (bytes of strings, bytes and messages, else an unsigned int), where it begins and where it ends."""
    at = 0
    while at < len(message):
        begin = at
        tag, at = _varint(message, at)
        kind = tag & 7
        if kind == _VARINT:
            value, at = _varint(message, at)
        elif kind == _BYTES:
            length, at = _varint(message, at)
            value, at = message[at : at + length], at + length
        elif kind in (_FIXED64, _FIXED32):
            size = 8 if kind == _FIXED64 else 4
            value, at = int.from_bytes(message[at : at + size], "little"), at + size
        else:
            raise ValueError(f"no message: wire type {kind}")
        if at > len(message):
            raise ValueError("no message: it ends within a field")
        yield tag >> 3, value, begin, at


def _varint(message, at):
    value = shift = 0
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
    for known, value, _, _ in fields(message):
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


def edit(message, path, visit):
    """Asks `visit` about each message at the end of `path`, and gives the message that comes of it: `visit` gives back what it was given, other
    bytes to be put in its place, or None to take it out. The very message that was given if nothing changes."""
    number, *rest = path
    pieces = []
    written = 0
    for known, part, begin, end in fields(message):
        if known != number or isinstance(part, int):
            continue
        edited = edit(part, rest, visit) if rest else visit(part)
        if edited is part:
            continue
        pieces.append(message[written:begin])
        if edited is not None:
            pieces.append(put(number, edited))
        written = end
    return b"".join([*pieces, message[written:]]) if pieces else message


def edit_attributes(signal, request, visit):
    """Edits the attributes of resources, scopes, spans, their events and links, data points, and log records: `visit` is shown each as a KeyValue
    {1: key, 2: AnyValue {1: string ...}}. Those inside maps are part of their value."""
    for path in _ATTRIBUTES[signal]:
        request = edit(request, path, visit)
    return request


def retain(message, keep, path=ITEMS):
    """Takes out the spans, metrics or log records that `keep` does not want, and scopes and resources that have none left; empty: nothing is left."""
    number, *rest = path

    def kept(part):
        if not rest:
            return part if keep(part) else None
        left = retain(part, keep, rest)
        return left if left or left is part else None

    edited = edit(message, (number,), kept)
    return edited if edited is message or find(edited, number) is not None else b""
