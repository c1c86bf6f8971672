// Keeps the first failed traces of a service.
import { count, log, NO, plugin, Problems, SAMPLE } from "./sdk/js/tailrace.js";

export const sampling = plugin({
  kind: "first_errors",
  summary: "Keeps the first failed traces of a service.",
  stateSchema: "kept:u32le",
  counters: ["first_errors_kept"],
  configure({ service, limit }) {
    if (!(limit >= 1)) throw new Problems({ "/limit": "must be at least 1" });
    let kept = 0;
    return {
      needs: { fields: ["status", "name"], resource: ["service.name"] },
      evaluate(trace) {
        if (kept >= limit || !trace.seenError) return NO;
        const failed = trace.spans.find((span) => span.status === 2 && span.resource("service.name") === service);
        if (!failed) return NO;
        kept += 1;
        count("first_errors_kept");
        if (kept === limit) log("info", `the last one is in ${failed.name}`);
        return SAMPLE;
      },
      save: () => new Uint8Array(Uint32Array.of(kept).buffer),
      restore(state) {
        kept = new DataView(Uint8Array.from(state).buffer).getUint32(0, true);
      },
    };
  },
});
