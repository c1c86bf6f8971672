// What a transform in JavaScript needs: describe transforms, give them to `transforms`, export what it returns as `transform`, and build with
// `tailrace plugin build` (package.json says {"tailrace": {"kind": "transform"}}). wire.js finds and edits fields of requests.
//
// A transform has no clock, no randomness, no files and no network. What it makes of a request may depend on its configuration and the request
// alone: a host runs several instances side by side, and makes a new one whenever it sees fit.
import { configure, describe } from "./common.js";

export { count, log, Problems } from "./common.js";

/**
 * @typedef {object} Transform
 * @property {(signal: "traces" | "metrics" | "logs", request: Uint8Array) => Uint8Array} apply What becomes of an OTLP export request,
 *   in protobuf: the very bytes that it was given go on unchanged (do not write into them), other bytes go on in their place, and of no bytes
 *   nothing goes on. An exception tells the host that there is no answer to this request, and never will be.
 *
 * @typedef {object} Kind
 * @property {string} kind As in configurations: snake_case.
 * @property {string} [summary] One sentence.
 * @property {object} [schema] JSON Schema (2020-12) of the configuration.
 * @property {string[]} [counters] What `count` adds to.
 * @property {(config: any) => Transform} configure Makes a transform, or throws Problems.
 */

/** What a module exports as `transform`. @param {...Kind} kinds */
export function transforms(...kinds) {
  const description = describe(kinds);

  class Transformer {
    constructor(transform) {
      this.transform = transform;
    }
    apply(signal, request) {
      const made = this.transform.apply(signal, request);
      if (made === request) return { tag: "unchanged" };
      if (!(made instanceof Uint8Array)) throw new Error("apply gave no bytes: return the request, another, or an empty Uint8Array");
      return made.length === 0 ? { tag: "discarded" } : { tag: "replaced", val: made };
    }
  }

  return {
    Transformer,
    describe: () => description,
    configure: (name, config) => configure(kinds, name, config, (transform) => new Transformer(transform)),
  };
}
