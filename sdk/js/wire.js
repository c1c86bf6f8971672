// Protobuf's wire format, as far as a transform needs it: finds fields of a message, and edits those inside it where they lie; what is not
// touched is copied as it is. Numbers of fields are those in https://github.com/open-telemetry/opentelemetry-proto.
import { decodeUtf8, encodeUtf8 } from "./common.js";

const VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5;

// Goes through a message's fields. An interpreter runs it: tags and lengths of one byte, as most are, take a short way.
class Cursor {
  constructor(message) {
    this.message = message;
    this.to = 0;
  }
  // The field begins at `begin`; its value, without tag and length, is from..to.
  next() {
    const message = this.message, size = message.length;
    let at = this.to;
    if (at >= size) return false;
    this.begin = at;
    let tag = message[at++];
    if (tag >= 0x80) {
      this.from = at - 1;
      tag = this.varint();
      at = this.from;
    }
    const type = (this.type = tag & 7);
    this.number = tag >>> 3;
    if (type === BYTES) {
      let length = message[at++];
      if (length >= 0x80) {
        this.from = at - 1;
        length = this.varint();
        at = this.from;
      }
      this.from = at;
      at += length;
    } else {
      this.from = at;
      if (type === VARINT) while (message[at++] >= 0x80);
      else if (type === FIXED64) at += 8;
      else if (type === FIXED32) at += 4;
      else throw new Error(`no message: wire type ${type}`);
    }
    if (!(at <= size)) throw new Error("no message: it ends within a field");
    this.to = at;
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

/** Where a way ends. */
export const END = null;

/**
 * Asks `visit` about each message at the end of a way, and gives the message that comes of it: `visit` gives back what it was given (which it must
 * not write into), other bytes to be put in its place, or null to take it out. The very message that was given if nothing changes.
 *
 * Ways are the numbers of fields, nested: {1: {2: {2: END}}} leads to the spans, metrics or log records of a request, by way of its resources and
 * their scopes.
 */
export function edit(message, ways, visit) {
  const pieces = [];
  let written = 0;
  for (const cursor = new Cursor(message); cursor.next(); ) {
    const way = ways[cursor.number];
    if (way === undefined || cursor.type !== BYTES) continue;
    const part = cursor.value();
    const edited = way === END ? visit(part) : edit(part, way, visit);
    if (edited === part) continue;
    pieces.push(message.subarray(written, cursor.begin));
    if (edited !== null) pieces.push(put(cursor.number, edited));
    written = cursor.to;
  }
  return pieces.length > 0 ? concat([...pieces, message.subarray(written)]) : message;
}

const OF_RESOURCE = { 1: END }, OF_SCOPE = { 3: END };
const ATTRIBUTES = {
  traces: { 1: { 1: OF_RESOURCE, 2: { 1: OF_SCOPE, 2: { 9: END, 11: { 3: END }, 13: { 4: END } } } } },
  // Data points of gauges, sums, histograms, exponential histograms, summaries.
  metrics: {
    1: {
      1: OF_RESOURCE,
      2: { 1: OF_SCOPE, 2: { 5: { 1: { 7: END } }, 7: { 1: { 7: END } }, 9: { 1: { 9: END } }, 10: { 1: { 1: END } }, 11: { 1: { 7: END } } } },
    },
  },
  logs: { 1: { 1: OF_RESOURCE, 2: { 1: OF_SCOPE, 2: { 6: END } } } },
};

/**
 * Edits the attributes of resources, scopes, spans, their events and links, data points, and log records: `visit` is shown each as a KeyValue
 * {1: key, 2: AnyValue {1: string …}}. Those inside maps are part of their value.
 */
export function editAttributes(signal, request, visit) {
  return edit(request, ATTRIBUTES[signal], visit);
}

/** Takes out the spans, metrics or log records that `keep` does not want, and scopes and resources that have none left; empty: nothing is left. */
export function retain(message, keep, path = [1, 2, 2]) {
  const [number, ...rest] = path;
  const kept = (part) => {
    if (rest.length === 0) return keep(part) ? part : null;
    const left = retain(part, keep, rest);
    return left.length > 0 || left === part ? left : null;
  };
  const edited = edit(message, { [number]: END }, kept);
  return edited === message || find(edited, number) !== undefined ? edited : new Uint8Array();
}
