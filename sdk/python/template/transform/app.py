"""Masks the values of the attributes that the configuration lists."""

from tailrace import transform, wire


class MaskKeys(transform.Transform):
    KIND = "mask_keys"
    SUMMARY = "Masks the values of listed attributes."
    SCHEMA = {
        "type": "object",
        "properties": {"keys": {"type": "array", "items": {"type": "string"}, "minItems": 1}},
        "required": ["keys"],
        "additionalProperties": False,
    }
    COUNTERS = ["masked"]

    # What stands in YAML below `config:` comes as a dict.
    def __init__(self, config):
        self.keys = config.get("keys")
        if not isinstance(self.keys, list) or not self.keys:
            raise transform.Problems({"/keys": "must be a list of keys that is not empty"})

    def apply(self, signal, request):
        return wire.edit_attributes(signal, request, self.mask)

    # An attribute is a KeyValue: 1 is its key, 2 its value, of which 1 is a string.
    def mask(self, attribute):
        key = wire.text(attribute, 1)
        if key not in self.keys:
            return attribute
        transform.count("masked")
        return wire.put(1, key) + wire.put(2, wire.put(1, "***"))


# The names that the contract asks for.
Transform, Transformer = transform.export(MaskKeys)
