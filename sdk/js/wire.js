// Protobuf's wire format, as far as a transform needs it: finds fields of a message, and edits those inside it where they lie; what is not
// touched is copied as it is. Numbers of fields are those in https://github.com/open-telemetry/opentelemetry-proto.
import { decodeUtf8, encodeUtf8 } from "./common.js";

/** The way to the spans, metrics or log records of a request: its resources, their scopes, the items of those. */
export const ITEMS = [1, 2, 2];

// The ways to attributes.
const OF_RESOURCE_AND_SCOPE = [[1, 1, 1], [1, 2, 1, 3]];
const ATTRIBUTES = {
  traces: [...OF_RESOURCE_AND_SCOPE, [1, 2, 2, 9], [1, 2, 2, 11, 3], [1, 2, 2, 13, 4]],
  // Data points of gauges, sums, histograms, exponential histograms, summaries.
  metrics: [...OF_RESOURCE_AND_SCOPE, [1, 2, 2, 5, 1, 7], [1, 2, 2, 7, 1, 7], [1, 2, 2, 9, 1, 9], [1, 2, 2, 10, 1, 1], [1, 2, 2, 11, 1, 7]],
  logs: [...OF_RESOURCE_AND_SCOPE, [1, 2, 2, 6]],
};

const VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5;

// Goes through a message's fields.
class Cursor {
  constructor(message) {
    this.message = message;
    this.to = 0;
  }
  // The field begins at `begin`; its value, without tag and length, is from..to.
  next() {
    if (this.to >= this.message.length) return false;
    this.begin = this.from = this.to;
    const tag = this.varint();
    this.number = Math.floor(tag / 8);
    this.type = tag % 8;
    if (this.type === VARINT) {
      this.to = this.from;
      while (this.message[this.to++] >= 0x80);
    } else if (this.type === BYTES) {
      const length = this.varint();
      this.to = this.from + length;
    } else if (this.type === FIXED64) this.to = this.from + 8;
    else if (this.type === FIXED32) this.to = this.from + 4;
    else throw new Error(`no message: wire type ${this.type}`);
    if (this.to > this.message.length) throw new Error("no message: it ends within a field");
    return true;
  }
  // Read at `from`, which moves behind it.
  varint() {
    for (let value = 0, scale = 1; ; scale *= 128) {
      const byte = this.message[this.from++];
      value += (byte & 0x7f) * scale;
      if (!(byte >= 0x80)) return value;
    }
  }
  value() {
    if (this.type === BYTES) return this.message.subarray(this.from, this.to);
    if (this.type === VARINT) return this.varint();
    let value = 0;
    for (let at = this.to - 1; at >= this.from; at--) value = value * 256 + this.message[at];
    return value;
  }
}

/** A field's value: Uint8Array for strings, bytes and messages, else a number (unsigned, exact up to 2^53); undefined: it is not there. */
export function find(message, number) {
  let found;
  for (const cursor = new Cursor(message); cursor.next(); ) if (cursor.number === number) found = cursor.value();
  return found;
}

/** A string field, empty if it is not there. */
export function text(message, number) {
  const found = find(message, number);
  return found instanceof Uint8Array ? decodeUtf8(found) : "";
}

/** A field to be written: a string, bytes (a message too), or an integer from 0 up. */
export function put(number, value) {
  if (typeof value === "number") return concat([varint(number * 8 + VARINT), varint(value)]);
  const bytes = typeof value === "string" ? encodeUtf8(value) : value;
  return concat([varint(number * 8 + BYTES), varint(bytes.length), bytes]);
}

function varint(value) {
  const bytes = [];
  for (; value >= 0x80; value = Math.floor(value / 128)) bytes.push((value % 128) + 0x80);
  bytes.push(value);
  return Uint8Array.from(bytes);
}

/** Pieces of a message behind each other. */
export function concat(pieces) {
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

/**
 * Asks `visit` about each message at the end of `path`, and gives the message that comes of it: `visit` gives back what it was given, other
 * bytes to be put in its place, or null to take it out. The very message that was given if nothing changes.
 */
export function edit(message, path, visit) {
  const [number, ...rest] = path;
  const pieces = [];
  let written = 0;
  for (const cursor = new Cursor(message); cursor.next(); ) {
    if (cursor.number !== number || cursor.type !== BYTES) continue;
    const part = cursor.value();
    const edited = rest.length > 0 ? edit(part, rest, visit) : visit(part);
    if (edited === part) continue;
    pieces.push(message.subarray(written, cursor.begin));
    if (edited !== null) pieces.push(put(number, edited));
    written = cursor.to;
  }
  return pieces.length > 0 ? concat([...pieces, message.subarray(written)]) : message;
}

/**
 * Edits the attributes of resources, scopes, spans, their events and links, data points, and log records: `visit` is shown each as a KeyValue
 * {1: key, 2: AnyValue {1: string …}}. Those inside maps are part of their value.
 */
export function editAttributes(signal, request, visit) {
  return ATTRIBUTES[signal].reduce((request, path) => edit(request, path, visit), request);
}

/** Takes out the spans, metrics or log records that `keep` does not want, and scopes and resources that have none left; empty: nothing is left. */
export function retain(message, keep, path = ITEMS) {
  const [number, ...rest] = path;
  const kept = (part) => {
    if (rest.length === 0) return keep(part) ? part : null;
    const left = retain(part, keep, rest);
    return left.length > 0 || left === part ? left : null;
  };
  const edited = edit(message, [number], kept);
  return edited === message || find(edited, number) !== undefined ? edited : new Uint8Array();
}
