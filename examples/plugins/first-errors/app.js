// Keeps the first failed traces of a service, and a share of those after them.
import { count, log, plugin, Problems } from "./sdk/js/tailrace.js";

// Places in `reasons`.
const NOT_OURS = 0, FIRST = 1, IN_SHARE = 2, PAST_LIMIT = 3;

const MAX_THRESHOLD = (1n << 56n) - 1n;

export const sampling = plugin({
  kind: "first_errors",
  summary: "Keeps the first failed traces of a service, and a share of those after them.",
  stateSchema: "kept:u32le",
  counters: ["first_errors_kept"],
  reasons: ["no failed span of the service", "among the first", "in the share of the rest", "past the limit"],
  configure({ service, limit, share = 0 }) {
    const problems = {};
    if (!(limit >= 1)) problems["/limit"] = "must be at least 1";
    if (!(share >= 0 && share <= 1)) problems["/share"] = "must be from 0 to 1";
    if (Object.keys(problems).length > 0) throw new Problems(problems);
    // Past the limit, traces are kept whose randomness is not below it.
    const past = BigInt(Math.trunc((1 - share) * 2 ** 56));
    const threshold = past > MAX_THRESHOLD ? MAX_THRESHOLD : past;
    let kept = 0;

    // Why it is kept or not, and the share that this amounts to.
    function vote(trace) {
      const failed = trace.spans.find((span) => span.status === 2 && span.resource("service.name") === service);
      if (!failed) return [NOT_OURS, MAX_THRESHOLD];
      if (kept < limit) {
        kept += 1;
        count("first_errors_kept");
        if (kept === limit) log("info", `the last one is in ${failed.name}`);
        return [FIRST, 0];
      }
      // The id's last 56 bits are random.
      const randomness = BigInt(`0x${trace.id.slice(-14)}`);
      return [randomness >= threshold ? IN_SHARE : PAST_LIMIT, threshold];
    }

    return {
      needs: { fields: ["status", "name"], resource: ["service.name"] },
      evaluateBatch(batch, candidates, votes) {
        for (const place of candidates) {
          const [reason, threshold] = vote(batch.trace(place));
          votes.pushBecause(reason === FIRST || reason === IN_SHARE, reason);
          votes.threshold(threshold);
        }
      },
      save: () => new Uint8Array(Uint32Array.of(kept).buffer),
      restore(state) {
        kept = new DataView(Uint8Array.from(state).buffer).getUint32(0, true);
      },
    };
  },
});
