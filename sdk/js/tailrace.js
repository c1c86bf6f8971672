// What a sampling policy in JavaScript needs: describe policies, give them to `plugin`, export what it returns as `sampling`, and build with
// `tailrace plugin build`.
//
// A policy has no clock, no randomness, no files and no network: batch.now is the tick's time. That is why a recording evaluates to the same
// decisions. An exception costs the policy its vote. 64-bit numbers are doubles, exact up to 2^53.
import { configure, decodeUtf8, describe } from "./common.js";

export { count, log, Problems } from "./common.js";

/** A vote on one trace: no opinion, keep it, throw it away whatever other policies say. */
export const NO = 0;
export const SAMPLE = 1;
export const DROP = 2;

/** Fields of spans that `needs` may ask for; `otlp` costs twenty times the others. */
export const FIELDS = ["status", "kind", "start", "duration", "name", "parent", "traceState", "otlp"];

/**
 * @typedef {object} Policy
 * @property {{fields?: string[], span?: string[], resource?: string[], instrumentation?: string[], event?: string[], link?: string[]}} [needs]
 *   The columns that it looks at: fields of spans, and keys of attributes by scope. Others are empty.
 * @property {(trace: Trace) => number | boolean} [evaluate] Votes on one trace; true is SAMPLE, false is NO.
 * @property {(batch: Batch, candidates: ArrayLike<number>, votes: Votes) => void} [evaluateBatch] Instead of evaluate: the arrays, and
 *   votes with reasons and thresholds; one for each candidate, a place in the batch.
 * @property {() => Uint8Array | undefined} [save] What is to survive a swap of the plugin or a trap; asked after each batch.
 * @property {(state: Uint8Array) => void} [restore]
 *
 * @typedef {object} Kind
 * @property {string} kind As in configurations: snake_case.
 * @property {string} [summary] One sentence.
 * @property {object} [schema] JSON Schema (2020-12) of the configuration.
 * @property {string} [stateSchema] Names the form of what save returns.
 * @property {string[]} [counters] What `count` adds to.
 * @property {string[]} [reasons] Why it votes as it does; what `Votes.pushBecause` refers to.
 * @property {(config: any) => Policy} configure Makes a policy, or throws Problems.
 */

/** The votes on a batch's candidates, in their order. */
export class Votes {
  verdicts = [];
  thresholds = [];
  reasons = [];
  #reasonBase;
  constructor(reasonBase = 0) {
    this.#reasonBase = reasonBase;
  }
  /** The vote on the next candidate; true is SAMPLE, false is NO. */
  push(verdict) {
    this.verdicts.push(Number(verdict));
  }
  /** The same with its reason, a place in the kind's `reasons`. A policy gives reasons for all votes of a batch or for none. */
  pushBecause(verdict, reason) {
    this.push(verdict);
    this.reasons.push(this.#reasonBase + reason);
  }
  /**
   * The sampling threshold (`th` in a W3C trace state) that the vote just pushed amounts to: the low 56 bits of an integer, a number or a
   * BigInt. For all votes of a batch or for none.
   */
  threshold(threshold) {
    const bits = BigInt(threshold);
    for (let shift = 48n; shift >= 0n; shift -= 8n) this.thresholds.push(Number((bits >> shift) & 0xffn));
  }
}

/** What a module exports as `sampling`. @param {...Kind} kinds */
export function plugin(...kinds) {
  const description = describe(kinds);
  let columns;

  class Evaluator {
    constructor(policy, kind) {
      this.policy = policy;
      this.attributes = attributesOf(policy.needs ?? {});
      this.bound = [];
      // The kind's first reason among those of all.
      this.reasonBase = kinds.slice(0, kinds.indexOf(kind)).reduce((sum, { reasons = [] }) => sum + reasons.length, 0);
    }
    needs() {
      const asked = this.policy.needs?.fields ?? [];
      return { fields: Object.fromEntries(FIELDS.map((field) => [field, asked.includes(field)])), attributes: this.attributes };
    }
    bind(attributes) {
      this.bound = attributes;
    }
    evaluate(candidates) {
      const { policy } = this;
      const batch = new Batch(columns, this.attributes, this.bound);
      const votes = new Votes(this.reasonBase);
      if (policy.evaluateBatch) policy.evaluateBatch(batch, candidates, votes);
      else for (const place of candidates) votes.push(policy.evaluate(batch.trace(place)));
      const { verdicts, thresholds, reasons } = votes;
      return { verdicts: Uint8Array.from(verdicts), thresholds: Uint8Array.from(thresholds), reasons };
    }
    save() {
      return this.policy.save?.();
    }
    restore(state) {
      this.policy.restore?.(state);
    }
  }

  return {
    Evaluator,
    describe: () => description,
    configure: (name, config) => configure(kinds, name, config, (policy, kind) => new Evaluator(policy, kind)),
    load(batch) {
      columns = batch;
    },
  };
}

const SCOPES = ["resource", "instrumentation", "span", "event", "link"];

function attributesOf(needs) {
  return SCOPES.flatMap((scope) => (needs[scope] ?? []).map((key) => ({ scope, key })));
}

const NOTHING = [];

/** The traces of one tick, as columns. Nothing is decoded before it is asked for. */
export class Batch {
  constructor(columns, attributes, bound) {
    /** The arrays themselves; see wit/plugin.wit. */
    this.columns = columns;
    // Codes by scope and key.
    this.codes = Object.fromEntries(SCOPES.map((scope) => [scope, new Map()]));
    attributes.forEach(({ scope, key }, place) => this.codes[scope].set(key, columns.attributes[bound[place]]?.codes));
    this.values = new Map();
  }
  /** Nanoseconds since 1970. */
  get now() {
    return Number(this.columns.now);
  }
  get length() {
    return this.columns.traceIds.length / 16;
  }
  trace(place) {
    return new Trace(this, place);
  }
  /** The codes of an attribute: one per span (or event, or link) of the batch. Equal values have equal codes. */
  column(scope, key) {
    return this.codes[scope].get(key) ?? NOTHING;
  }
  /** What a code stands for: undefined (absent), a string, number, boolean, Uint8Array, or what JSON made of an array or map. */
  value(code) {
    if (!code) return undefined;
    let value = this.values.get(code);
    if (value === undefined) this.values.set(code, (value = decode(this.columns.dictionary, code)));
    return value;
  }
}

function decode(dictionary, code) {
  const index = code & 0x0fffffff;
  const bytes = () => dictionary.stringPool.slice(dictionary.stringOffsets[index], dictionary.stringOffsets[index + 1]);
  const text = () => decodeUtf8(bytes());
  switch (code >>> 28) {
    case 1: return text();
    case 2: return Number(dictionary.ints[index]);
    case 3: return dictionary.doubles[index];
    case 4: return index !== 0;
    case 5: return bytes();
    case 6: return JSON.parse(text());
    default: return undefined;
  }
}

/** A whole trace. */
export class Trace {
  constructor(batch, place) {
    this.batch = batch;
    this.place = place;
  }
  /** 32 hex digits. */
  get id() {
    const bytes = this.batch.columns.traceIds.slice(this.place * 16, this.place * 16 + 16);
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  }
  /** Earliest start, nanoseconds relative to batch.now (negative: before). */
  get start() { return Number(this.batch.columns.start[this.place]); }
  /** Earliest start to latest end, nanoseconds. */
  get duration() { return Number(this.batch.columns.duration[this.place]); }
  /** Bytes on the wire. */
  get size() { return this.batch.columns.size[this.place]; }
  /** Spans received so far, those decided before included. */
  get spanCount() { return this.batch.columns.spanCount[this.place]; }
  get seenUnset() { return (this.batch.columns.seen[this.place] & 1) !== 0; }
  get seenOk() { return (this.batch.columns.seen[this.place] & 2) !== 0; }
  get seenError() { return (this.batch.columns.seen[this.place] & 4) !== 0; }
  get seenRoot() { return (this.batch.columns.seen[this.place] & 8) !== 0; }
  get seenSampledFlag() { return (this.batch.columns.seen[this.place] & 16) !== 0; }
  /** The TracesData message; empty unless asked for. */
  get otlp() {
    const { otlp, otlpOffsets } = this.batch.columns;
    return otlp.slice(otlpOffsets[this.place] ?? 0, otlpOffsets[this.place + 1] ?? 0);
  }
  /** In the order of arrival; none unless `needs` asks for a column of spans. @returns {Span[]} */
  get spans() {
    const offsets = this.batch.columns.spanOffsets;
    const spans = [];
    for (let place = offsets[this.place]; place < offsets[this.place + 1]; place++) spans.push(new Span(this.batch, place));
    return spans;
  }
}

/** A span. What `needs` did not ask for is undefined. */
export class Span {
  constructor(batch, place) {
    this.batch = batch;
    this.place = place;
  }
  /** 0 unset, 1 ok, 2 error. */
  get status() { return this.batch.columns.spanStatus[this.place]; }
  /** 1 internal, 2 server, 3 client, 4 producer, 5 consumer. */
  get kind() { return this.batch.columns.spanKind[this.place]; }
  /** Nanoseconds relative to batch.now. */
  get start() { return Number(this.batch.columns.spanStart[this.place]); }
  /** Nanoseconds. */
  get duration() { return Number(this.batch.columns.spanDuration[this.place]); }
  get name() { return this.batch.value(this.batch.columns.spanName[this.place]); }
  get traceState() { return this.batch.value(this.batch.columns.spanTraceState[this.place]); }
  /** Its parent, if that is in the batch. */
  get parent() {
    const parent = this.batch.columns.spanParent[this.place];
    return parent ? new Span(this.batch, parent - 1) : undefined;
  }
  /** An attribute of the span, of its resource, of its instrumentation scope. */
  attribute(key) { return this.batch.value(this.batch.column("span", key)[this.place]); }
  resource(key) { return this.batch.value(this.batch.column("resource", key)[this.place]); }
  instrumentation(key) { return this.batch.value(this.batch.column("instrumentation", key)[this.place]); }
  /** An attribute of each of its events, or links. */
  events(key) { return this.owned(this.batch.columns.eventOffsets, this.batch.column("event", key)); }
  links(key) { return this.owned(this.batch.columns.linkOffsets, this.batch.column("link", key)); }
  owned(offsets, codes) {
    return Array.from(codes.slice(offsets[this.place], offsets[this.place + 1]), (code) => this.batch.value(code));
  }
}
