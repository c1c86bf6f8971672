//! Secrets never print, and a source line may hold one.

/// Parts of keys whose values are not shown.
const SECRET: [&str; 7] = ["key", "token", "secret", "password", "authorization", "credential", "cookie"];
/// Parts of keys that sound like it and are harmless.
const HARMLESS: [&str; 6] = ["keepalive", "keep_alive", "routing_key", "_keys", "_file", "key_type"];

/// `text` with an asterisk for each byte of such a value, so that places stay right.
pub(super) fn mask(text: &str) -> String {
    let mut masked = text.to_owned();
    let mut line_start = 0;
    for line in text.split_inclusive('\n') {
        for (colon, _) in line.match_indices(':') {
            if is_secret(key_before(&line[..colon])) {
                let value = value_after(line, colon + 1);
                let stars = "*".repeat(value.len());
                masked.replace_range(line_start + value.start..line_start + value.end, &stars);
            }
        }
        line_start += line.len();
    }
    masked
}

fn is_secret(key: &str) -> bool {
    let key = key.to_lowercase().replace('-', "_");
    SECRET.iter().any(|part| key.contains(part)) && !HARMLESS.iter().any(|part| key.contains(part))
}

fn key_before(text: &str) -> &str {
    let text = text.trim_end_matches(['"', '\'', ' ']);
    text.rfind(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '-' | '.')).map_or(text, |at| &text[at..])
}

/// The bytes of the scalar at `from`. Sections, references and what is no secret in any language are left alone.
fn value_after(line: &str, from: usize) -> std::ops::Range<usize> {
    let rest = &line[from..];
    let start = rest.len() - rest.trim_start().len();
    let value = &rest[start..];
    let end = match value.chars().next() {
        Some(quote @ ('"' | '\'')) => value[1..].find(quote).map_or(value.trim_end().len(), |at| at + 2),
        _ => value.find([',', '}', ']', '\n', '\r']).unwrap_or(value.len()),
    };
    let value = value[..end].trim_end();
    let harmless = value.trim_matches(['"', '\'']);
    let harmless = ["${", "{", "[", "|", ">", "&", "*"].iter().any(|start| harmless.starts_with(start))
        || ["true", "false", "null", "~", ""].contains(&harmless);
    let end = if harmless { start } else { start + value.len() };
    from + start..from + end
}

#[cfg(test)]
mod tests {
    use super::mask;

    #[test]
    fn values_of_secret_keys_are_starred() {
        for (text, masked) in [
            ("api-key: 12345\nname: x\n", "api-key: *****\nname: x\n"),
            ("  Authorization: \"Bearer a, b\" # c", "  Authorization: ************* # c"),
            ("headers: {x-token: abc, y: z}", "headers: {x-token: ***, y: z}"),
            ("password: p\u{e4}ss", "password: *****"),
            ("headers: {api-key: '${env:KEY}'}", "headers: {api-key: '${env:KEY}'}"),
            ("key_file: /etc/key.pem", "key_file: /etc/key.pem"),
            ("routing_key: traceID", "routing_key: traceID"),
            ("keepalive: {time: 5s}", "keepalive: {time: 5s}"),
            ("token:\n  - a", "token:\n  - a"),
            ("endpoint: a:4317", "endpoint: a:4317"),
        ] {
            assert_eq!(mask(text), masked);
        }
    }
}
