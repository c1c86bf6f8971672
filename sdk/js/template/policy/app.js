// Keeps every trace in which a span has the customer.tier of the configuration.
import { plugin, Problems } from "./sdk/js/tailrace.js";

export const sampling = plugin({
  kind: "keep_vip",
  summary: "Keeps traces of customers of one tier.",
  schema: {
    type: "object",
    properties: { tier: { type: "string", minLength: 1 } },
    required: ["tier"],
    additionalProperties: false,
  },
  // What stands in YAML below `config:` comes as an object.
  configure({ tier }) {
    if (typeof tier !== "string" || tier === "") throw new Problems({ "/tier": "must be a string that is not empty" });
    return {
      // The columns that `evaluate` looks at; others are empty.
      needs: { span: ["customer.tier"] },
      evaluate: (trace) => trace.spans.some((span) => span.attribute("customer.tier") === tier),
    };
  },
});
