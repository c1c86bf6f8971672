// Masks the values of the attributes that the configuration lists.
#include "transform.h"

#include <stdlib.h>

typedef struct {
  tr_strs keys;
} transform;

const char *const tr_counters[] = {"masked"};
const size_t tr_counters_len = 1;

// What stands in YAML below `config:` comes as JSON.
static void *configure(tr_str config, tr_problems *problems) {
  transform *self = calloc(1, sizeof *self);
  if (!tr_json_strings(tr_json_get(config, "keys"), &self->keys) || self->keys.len == 0)
    tr_problem(problems, "/keys", "must be a list of keys that is not empty");
  return self;
}

// An attribute is a KeyValue: 1 is its key, 2 its value, of which 1 is a string.
static tr_outcome mask(void *data, tr_str attribute, tr_buffer *masked) {
  const transform *self = data;
  tr_str key = tr_text(attribute, 1);
  if (!tr_contains(self->keys, key)) return TR_UNCHANGED;
  tr_buffer value = {0};
  tr_put(&value, 1, tr_cstr("***"));
  tr_put(masked, 1, key);
  tr_put(masked, 2, (tr_str){value.ptr, value.len});
  free(value.ptr);
  tr_count(0, 1);
  return TR_REPLACED;
}

static tr_outcome apply(void *self, tr_signal signal, tr_str request, tr_buffer *replacement, const char **error) {
  return tr_edit_attributes(signal, request, mask, self, replacement);
}

static const tr_transform mask_keys = {
    .kind = "mask_keys",
    .summary = "Masks the values of listed attributes.",
    .schema = "{\"type\": \"object\", \"properties\": {\"keys\": {\"type\": \"array\", \"items\": {\"type\": \"string\"}, \"minItems\": 1}},"
              " \"required\": [\"keys\"], \"additionalProperties\": false}",
    .configure = configure,
    .apply = apply,
    .drop = free,
};

TR_EXPORT_TRANSFORMS(&mask_keys);
