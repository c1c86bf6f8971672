// A little JSON, for configurations: the host has parsed it before, so that it is well-formed.
#include <stdlib.h>

#include "common.h"

static size_t space(tr_str json, size_t at) {
  while (at < json.len && (json.ptr[at] == ' ' || json.ptr[at] == '\n' || json.ptr[at] == '\r' || json.ptr[at] == '\t')) at++;
  return at;
}

// The end of the string that begins at `at`.
static size_t string_end(tr_str json, size_t at) {
  for (at++; at < json.len && json.ptr[at] != '"'; at++)
    if (json.ptr[at] == '\\') at++;
  return at < json.len ? at + 1 : json.len;
}

// The end of the value that begins at `at`.
static size_t value_end(tr_str json, size_t at) {
  size_t depth = 0;
  while (at < json.len) {
    char c = json.ptr[at];
    if (c == '"') {
      at = string_end(json, at);
      if (depth == 0) return at;
      continue;
    }
    if (depth == 0 && (c == ',' || c == '}' || c == ']' || c == ' ' || c == '\n')) return at;
    if (c == '{' || c == '[') depth++;
    if ((c == '}' || c == ']') && --depth == 0) return at + 1;
    at++;
  }
  return at;
}

static tr_str part(tr_str json, size_t from, size_t to) { return (tr_str){json.ptr + from, to - from}; }

tr_str tr_json_get(tr_str object, const char *key) {
  size_t at = space(object, 0);
  if (at >= object.len || object.ptr[at] != '{') return (tr_str){"", 0};
  for (at = space(object, at + 1); at < object.len && object.ptr[at] == '"'; at = space(object, at)) {
    size_t key_end = string_end(object, at);
    tr_str name;
    bool found = tr_json_string(part(object, at, key_end), &name) && tr_equal(name, tr_cstr(key));
    at = space(object, space(object, key_end) + 1);
    size_t end = value_end(object, at);
    if (found) return part(object, at, end);
    at = space(object, end);
    if (at < object.len && object.ptr[at] == ',') at++;
  }
  return (tr_str){"", 0};
}

static uint32_t hex4(const char *digits) {
  char text[5] = {digits[0], digits[1], digits[2], digits[3], 0};
  return strtoul(text, NULL, 16);
}

static char *utf8(char *to, uint32_t c) {
  if (c < 0x80) { *to++ = c; return to; }
  if (c < 0x800) { *to++ = 0xc0 | c >> 6; }
  else {
    if (c < 0x10000) { *to++ = 0xe0 | c >> 12; }
    else { *to++ = 0xf0 | c >> 18; *to++ = 0x80 | (c >> 12 & 0x3f); }
    *to++ = 0x80 | (c >> 6 & 0x3f);
  }
  *to++ = 0x80 | (c & 0x3f);
  return to;
}

bool tr_json_string(tr_str json, tr_str *value) {
  if (json.len < 2 || json.ptr[0] != '"' || json.ptr[json.len - 1] != '"') return false;
  char *text = tr_keep(json), *to = text;
  for (size_t i = 1; i + 1 < json.len; i++) {
    char c = json.ptr[i];
    if (c != '\\') { *to++ = c; continue; }
    switch (c = json.ptr[++i]) {
    case 'b': *to++ = '\b'; break;
    case 'f': *to++ = '\f'; break;
    case 'n': *to++ = '\n'; break;
    case 'r': *to++ = '\r'; break;
    case 't': *to++ = '\t'; break;
    case 'u': {
      if (i + 4 >= json.len) return false;
      uint32_t code = hex4(json.ptr + i + 1);
      i += 4;
      if (code >> 10 == 0x36 && i + 6 < json.len && json.ptr[i + 1] == '\\') { // the first of a pair
        code = 0x10000 + ((code & 0x3ff) << 10) + (hex4(json.ptr + i + 3) & 0x3ff);
        i += 6;
      }
      to = utf8(to, code);
      break;
    }
    default: *to++ = c;
    }
  }
  *value = (tr_str){text, to - text};
  return true;
}

bool tr_json_number(tr_str json, double *value) {
  if (json.len == 0 || (json.ptr[0] != '-' && (json.ptr[0] < '0' || json.ptr[0] > '9'))) return false;
  char *text = tr_keep(json), *end;
  *value = strtod(text, &end);
  bool whole = end == text + json.len;
  free(text);
  return whole;
}

bool tr_json_bool(tr_str json, bool *value) {
  *value = tr_equal(json, tr_cstr("true"));
  return *value || tr_equal(json, tr_cstr("false"));
}

bool tr_json_next(tr_str *list, tr_str *element) {
  size_t at = space(*list, 0);
  if (at >= list->len || (list->ptr[at] != '[' && list->ptr[at] != ',')) return false;
  at = space(*list, at + 1);
  size_t end = value_end(*list, at);
  *element = part(*list, at, end);
  *list = part(*list, end, list->len);
  return element->len > 0;
}

bool tr_json_strings(tr_str json, tr_strs *values) {
  if (json.len == 0 || json.ptr[0] != '[') return false;
  tr_strs strings = {0};
  for (tr_str element, value; tr_json_next(&json, &element);) {
    if (!tr_json_string(element, &value)) return false;
    strings.ptr = tr_grow(strings.ptr, (strings.len + 1) * sizeof value);
    strings.ptr[strings.len++] = value;
  }
  *values = strings;
  return true;
}
