"""Keeps every trace in which a span has the customer.tier of the configuration."""

from tailrace.policy import Needs, Policy, Problems, export


class KeepVip(Policy):
    KIND = "keep_vip"
    SUMMARY = "Keeps traces of customers of one tier."
    SCHEMA = {
        "type": "object",
        "properties": {"tier": {"type": "string", "minLength": 1}},
        "required": ["tier"],
        "additionalProperties": False,
    }

    # What stands in YAML below `config:` comes as a dict.
    def __init__(self, config):
        self.tier = config.get("tier")
        if not isinstance(self.tier, str) or not self.tier:
            raise Problems({"/tier": "must be a string that is not empty"})

    # The columns that `evaluate` looks at; others are empty.
    def needs(self):
        return Needs(span=["customer.tier"])

    def evaluate(self, trace):
        return any(span.attribute("customer.tier") == self.tier for span in trace.spans)


# The names that the contract asks for.
Sampling, Evaluator = export(KeepVip)
