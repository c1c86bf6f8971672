// Takes out spans by their name.
#include "transform.h"

#include <stdlib.h>

// The number of its name among the fields of a Span.
enum { NAME = 5 };

typedef struct {
  tr_strs names;
} transform;

static void *configure(tr_str config, tr_problems *problems) {
  transform *self = calloc(1, sizeof *self);
  if (!tr_json_strings(tr_json_get(config, "names"), &self->names)) tr_problem(problems, "/names", "must be a list of names");
  return self;
}

static bool stays(void *data, tr_str span) {
  const transform *self = data;
  return !tr_contains(self->names, tr_text(span, NAME));
}

static tr_outcome apply(void *self, tr_signal signal, tr_str request, tr_buffer *replacement, const char **error) {
  return signal == TR_TRACES ? tr_retain(request, stays, self, replacement) : TR_UNCHANGED;
}

static const tr_transform drop_spans = {
    .kind = "drop_spans",
    .summary = "Takes out spans by their name.",
    .configure = configure,
    .apply = apply,
    .drop = free,
};

TR_EXPORT_TRANSFORMS(&drop_spans);
