#include "wire.h"

#include <stdlib.h>

enum { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 };

tr_path tr_items = {1, 2, 2, 0};

void tr_append(tr_buffer *to, tr_str bytes) {
  if (bytes.len > to->room - to->len) {
    to->room = 2 * to->len + bytes.len;
    to->ptr = tr_grow(to->ptr, to->room);
  }
  if (bytes.len > 0) memcpy(to->ptr + to->len, bytes.ptr, bytes.len);
  to->len += bytes.len;
}

static void put_varint(tr_buffer *to, uint64_t value) {
  char bytes[10];
  size_t len = 0;
  for (; value >= 0x80; value >>= 7) bytes[len++] = (value & 0x7f) | 0x80;
  bytes[len++] = value;
  tr_append(to, (tr_str){bytes, len});
}

void tr_put(tr_buffer *to, uint32_t number, tr_str bytes) {
  put_varint(to, (uint64_t)number << 3 | BYTES);
  put_varint(to, bytes.len);
  tr_append(to, bytes);
}

void tr_put_integer(tr_buffer *to, uint32_t number, uint64_t value) {
  put_varint(to, (uint64_t)number << 3 | VARINT);
  put_varint(to, value);
}

static tr_str take(tr_str *message, uint64_t len) {
  if (len > message->len) __builtin_trap();
  tr_str taken = {message->ptr, len};
  message->ptr += len;
  message->len -= len;
  return taken;
}

static uint64_t take_varint(tr_str *message) {
  uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    uint8_t byte = *take(message, 1).ptr;
    value |= (uint64_t)(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
  __builtin_trap();
}

static uint64_t little_endian(tr_str bytes) {
  uint64_t value = 0;
  memcpy(&value, bytes.ptr, bytes.len);
  return value;
}

bool tr_next(tr_str *message, tr_field *field) {
  if (message->len == 0) return false;
  const char *begin = message->ptr;
  uint64_t tag = take_varint(message);
  *field = (tr_field){.number = tag >> 3, .type = tag & 7};
  switch (field->type) {
  case VARINT: field->integer = take_varint(message); break;
  case FIXED64: field->integer = little_endian(take(message, 8)); break;
  case BYTES: field->bytes = take(message, take_varint(message)); break;
  case FIXED32: field->integer = little_endian(take(message, 4)); break;
  default: __builtin_trap();
  }
  field->whole = (tr_str){begin, message->ptr - begin};
  return true;
}

bool tr_find(tr_str message, uint32_t number, tr_field *field) {
  bool found = false;
  for (tr_field next; tr_next(&message, &next);) {
    if (next.number != number) continue;
    *field = next;
    found = true;
  }
  return found;
}

tr_str tr_text(tr_str message, uint32_t number) {
  tr_field field;
  return tr_find(message, number, &field) ? field.bytes : (tr_str){"", 0};
}

tr_outcome tr_edit(tr_str message, const uint32_t *path, tr_visit visit, void *self, tr_buffer *edited) {
  const char *written = message.ptr; // what lies before is in `edited`
  bool changed = false;
  tr_str rest = message;
  for (tr_field field; tr_next(&rest, &field);) {
    if (field.number != path[0] || field.type != BYTES) continue;
    tr_buffer part = {0};
    tr_outcome outcome = path[1] ? tr_edit(field.bytes, path + 1, visit, self, &part) : visit(self, field.bytes, &part);
    if (outcome != TR_UNCHANGED) {
      tr_append(edited, (tr_str){written, field.whole.ptr - written});
      if (outcome == TR_REPLACED) tr_put(edited, field.number, (tr_str){part.ptr, part.len});
      written = rest.ptr;
      changed = true;
    }
    free(part.ptr);
  }
  if (changed) tr_append(edited, (tr_str){written, message.ptr + message.len - written});
  return changed ? TR_REPLACED : TR_UNCHANGED;
}

typedef struct {
  const uint32_t *path;
  bool (*keep)(void *self, tr_str item);
  void *self;
} retaining;

// What has no messages left at the beginning of the path goes.
static tr_outcome retain(void *data, tr_str message, tr_buffer *edited) {
  retaining *at = data;
  if (at->path[0] == 0) return at->keep(at->self, message) ? TR_UNCHANGED : TR_DISCARDED;
  retaining inner = {at->path + 1, at->keep, at->self};
  tr_field field;
  uint32_t step[] = {at->path[0], 0};
  if (tr_edit(message, step, retain, &inner, edited) == TR_UNCHANGED) return TR_UNCHANGED;
  return tr_find((tr_str){edited->ptr, edited->len}, at->path[0], &field) ? TR_REPLACED : TR_DISCARDED;
}

tr_outcome tr_retain(tr_str request, bool (*keep)(void *self, tr_str item), void *self, tr_buffer *edited) {
  retaining all = {tr_items, keep, self};
  return retain(&all, request, edited);
}
