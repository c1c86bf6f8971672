use super::*;

#[test]
fn plaintext_needs_insecure_and_no_ca() {
    let cases = [(false, "", false), (true, "", true), (true, "ca.crt", false), (false, "ca.crt", false)];
    for (insecure, ca_file, plaintext) in cases {
        let tls = ClientTls { insecure, ca_file: ca_file.to_owned(), ..ClientTls::default() };
        assert_eq!(tls.is_plaintext(), plaintext, "{insecure} {ca_file}");
    }
}

#[test]
fn versions_lie_between_the_bounds() {
    for (min, max, expected) in [
        ("", "", vec![&TLS12, &TLS13]),
        ("1.0", "1.3", vec![&TLS12, &TLS13]),
        ("1.3", "", vec![&TLS13]),
        ("1.2", "1.2", vec![&TLS12]),
    ] {
        assert_eq!(versions(min, max), expected, "{min} {max}");
    }
}

#[test]
fn unreadable_material_is_named() {
    let missing = ClientTls { ca_file: "/nonexistent/ca.crt".to_owned(), ..ClientTls::default() };
    let error = missing.client_config(&[]).expect_err("no such file").to_string();
    assert!(error.contains("/nonexistent/ca.crt"), "{error}");
}
