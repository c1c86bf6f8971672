// Masks the values of the attributes that the configuration lists.
import { count, Problems, transforms } from "./sdk/js/transform.js";
import { concat, editAttributes, put, text } from "./sdk/js/wire.js";

export const transform = transforms({
  kind: "mask_keys",
  summary: "Masks the values of listed attributes.",
  schema: {
    type: "object",
    properties: { keys: { type: "array", items: { type: "string" }, minItems: 1 } },
    required: ["keys"],
    additionalProperties: false,
  },
  counters: ["masked"],
  // What stands in YAML below `config:` comes as an object.
  configure({ keys }) {
    if (!Array.isArray(keys) || keys.length === 0) throw new Problems({ "/keys": "must be a list of keys that is not empty" });
    // An attribute is a KeyValue: 1 is its key, 2 its value, of which 1 is a string.
    const mask = (attribute) => {
      const key = text(attribute, 1);
      if (!keys.includes(key)) return attribute;
      count("masked");
      return concat([put(1, key), put(2, put(1, "***"))]);
    };
    return { apply: (signal, request) => editAttributes(signal, request, mask) };
  },
});
