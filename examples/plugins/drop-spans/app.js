// Takes out spans by their name.
import { transforms } from "./sdk/js/transform.js";
import { retain, text } from "./sdk/js/wire.js";

// The number of its name among the fields of a Span.
const NAME = 5;

export const transform = transforms({
  kind: "drop_spans",
  summary: "Takes out spans by their name.",
  configure: ({ names }) => ({
    apply: (signal, request) => (signal === "traces" ? retain(request, (span) => !names.includes(text(span, NAME))) : request),
  }),
});
