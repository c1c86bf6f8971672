// What policies and transforms have in common: the host's log, counters, and what is wrong with a configuration.
import * as host from "tailrace:plugin/host@0.1.0";

/** What is wrong with a configuration: `throw new Problems({"/tier": "must be a string"})`; keys are JSON pointers. */
export class Problems extends Error {
  constructor(byPath) {
    super(Object.values(byPath).join("; "));
    this.list = Object.entries(byPath).map(([path, message]) => ({ path, message }));
  }
}

/** Writes to the host's log; level is debug, info, warn or error. */
export function log(level, message) {
  host.log(level, String(message));
}

let counters = [];

/** Adds to a counter that a kind names; others are ignored. */
export function count(counter, delta = 1) {
  const id = counters.indexOf(counter);
  if (id >= 0) host.counterAdd(id, delta);
}

// The rest is for tailrace.js and transform.js.

/** The description that the contract asks for; from now on `count` knows the kinds' counters. */
export function describe(kinds) {
  counters = [...new Set(kinds.flatMap((kind) => kind.counters ?? []))];
  const described = ({ kind, summary = "", schema = {}, stateSchema = "" }) => ({
    name: kind, summary, schema: JSON.stringify(schema), stateSchema,
  });
  return { kinds: kinds.map(described), counters, reasons: kinds.flatMap((kind) => kind.reasons ?? []) };
}

/** What the kind of this name makes of its configuration. What it throws becomes the error of WIT's result. */
export function configure(kinds, name, config, make) {
  try {
    const offered = kinds.find(({ kind }) => kind === name);
    if (!offered) throw new Error(`no kind ${name} here`);
    return make(offered.configure(JSON.parse(config || "{}")), offered);
  } catch (error) {
    throw error instanceof Problems ? error.list : [{ path: "", message: String(error.message ?? error) }];
  }
}

const ASCII = /^[\0-\x7f]*$/;

/** Bytes as text, percent-encoded if they are not UTF-8; QuickJS has no TextDecoder. */
export function decodeUtf8(bytes) {
  const text = byByte(bytes);
  if (ASCII.test(text)) return text;
  const escaped = escape(text);
  try {
    return decodeURIComponent(escaped);
  } catch {
    return escaped;
  }
}

// A character for each byte. Arguments lie on the stack: not too many at once.
function byByte(bytes) {
  if (bytes.length <= 4096) return String.fromCharCode.apply(null, bytes);
  const middle = bytes.length >> 1;
  return byByte(bytes.slice(0, middle)) + byByte(bytes.slice(middle));
}

/** Text as bytes. */
export function encodeUtf8(text) {
  const characters = ASCII.test(text) ? text : unescape(encodeURIComponent(text));
  return Uint8Array.from(characters, (character) => character.charCodeAt(0));
}
