//! Grok patterns and the definitions that come with them.

use super::super::testing::{call, check, l, m, s};
use super::*;
use crate::Value::{Bool, Double, Int, Nil};

/// Whether a pattern matches a whole text.
fn is_whole(name: &str, text: &str) -> bool {
    let dictionary = Dictionary { own: HashMap::new(), captures_named_only: false };
    let grok = dictionary.compile(&format!("^(?:%{{{name}}})$"), false).expect("a pattern");
    grok.regex.is_match(text)
}

#[test]
fn every_definition_compiles() {
    for name in definitions::names() {
        for only in [false, true] {
            let dictionary = Dictionary { own: HashMap::new(), captures_named_only: only };
            dictionary
                .compile(&format!("(?P<all>%{{{name}}})"), false)
                .unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }
}

#[test]
fn definitions_match() {
    let cases: &[(&str, &[&str], &[&str])] = &[
        ("WORD", &["hello", "world123", "a_b"], &["a b", "a-b"]),
        ("NOTSPACE", &["a-b!"], &["a b"]),
        ("SPACE", &["", " \t"], &["a"]),
        ("BOOL", &["true", "false"], &["TRUE"]),
        ("INT", &["123", "-456", "+7"], &["1.5"]),
        ("NUMBER", &["123", "-456.7", ".5"], &["1.", "x"]),
        ("BASE16NUM", &["1a2b", "0x1A2B", "-0xf"], &["0xg"]),
        ("BASE16FLOAT", &["0x1.a2b3", "-1A.D"], &["1.g"]),
        ("POSINT", &["1", "789"], &["0", "-1"]),
        ("NONNEGINT", &["0", "456"], &["-1"]),
        ("QUOTEDSTRING", &[r#""a \" b""#, "'single'"], &[r#""open"#]),
        ("UUID", &["123e4567-e89b-12d3-a456-426614174000"], &["123e4567-e89b-12d3-a456"]),
        ("URN", &["urn:isbn:0451450523"], &["isbn:1"]),
        ("IPV4", &["192.168.0.1", "255.255.255.255"], &["256.1.1.1", "1.2.3"]),
        (
            "IPV6",
            &[
                "::",
                "::1",
                "2001:db8::1",
                "fe80::1%eth0",
                "::ffff:1.2.3.4",
                "1:2:3:4:5:6:7:8",
                "1:2:3:4:5:6:1.2.3.4",
                "1::8",
                "1:2:3:4:5:6:7::",
            ],
            &["1:2:3", ":", "1:2:3:4:5:6:7:8:9", "1::2::3", "12345::"],
        ),
        ("IP", &["::1", "10.0.0.1"], &["localhost"]),
        ("HOSTNAME", &["example.com", "a-b.c."], &["-a", "a b"]),
        ("IPORHOST", &["10.0.0.1", "example.com"], &["a/b"]),
        ("HOSTPORT", &["example.com:80"], &["example.com"]),
        ("EMAILADDRESS", &["joe.smith+x@example.com"], &["@example.com"]),
        ("MAC", &["00:1B:44:11:3A:B7", "00-1B-44-11-3A-B7", "001B.4411.3AB7"], &["00:1B"]),
        ("UNIXPATH", &["/usr/lib/x_1.so"], &["usr"]),
        ("WINPATH", &[r"C:\Windows\x.txt"], &["C:/x"]),
        ("TTY", &["/dev/pts/1", "/dev/tty1"], &["/dev/null"]),
        ("URI", &["https://joe:pw@example.com:8080/a/b?q=1"], &["example.com"]),
        ("URIPATHPARAM", &["/a/b?x=1", "/a"], &["a"]),
        ("MONTH", &["Jan", "December", "June"], &["Janu", "jan"]),
        ("DAY", &["Mon", "Sunday"], &["Mo"]),
        ("TIME", &["12:34:56", "23:59:60.5", "7:05"], &["24:60"]),
        ("DATE", &["12/31/2024", "31.12.24"], &["2024"]),
        ("TIMESTAMP_ISO8601", &["2023-05-26T12:34:56.789Z", "2023-05-26 12:34+02:00"], &["2023-5-26"]),
        ("DATESTAMP", &["12/31/2024 23:59:59"], &["12/31/2024"]),
        ("DATESTAMP_RFC2822", &["Mon, 25 Dec 2023 10:00:00 +0100"], &["Mon"]),
        ("SYSLOGTIMESTAMP", &["Feb  3 10:00:00"], &["3 Feb"]),
        ("HTTPDATE", &["10/Oct/2000:13:55:36 -0700"], &["10/10/2000"]),
        ("LOGLEVEL", &["INFO", "warning", "Err"], &["loud"]),
        ("JAVASTACKTRACEPART", &["  at com.acme.Main.<init>(Main.java:12)"], &["at"]),
    ];
    for (name, matching, other) in cases {
        for text in *matching {
            assert!(is_whole(name, text), "{name} on {text}");
        }
        for text in *other {
            assert!(!is_whole(name, text), "{name} on {text}");
        }
    }
}

#[test]
fn extracts() {
    let name = "ExtractGrokPatterns";
    let passwd = "smith:pass123:1001:1000:J Smith,1234,(234)567-8910:/home/smith:/bin/sh";
    check(&[
        (
            name,
            &[s("user=joe id=7"), s("user=%{WORD:user.name} id=%{INT:id:int}")],
            Ok(m([("user.name", s("joe")), ("id", Int(7))])),
        ),
        (name, &[s("1.5 true -3"), s("%{NUMBER:a:float} %{BOOL:b:boolean} %{INT:c:long}"), Bool(true)], {
            Ok(m([("a", Double(1.5)), ("b", Bool(true)), ("c", Int(-3))]))
        }),
        (name, &[s("1.2.3.4 x"), s("%{IPV4} %{WORD:w:string}")], Ok(m([("IPV4", s("1.2.3.4")), ("w", s("x"))]))),
        (name, &[s("1.2.3.4 x"), s("%{IPV4} %{WORD:w}"), Bool(true)], Ok(m([("w", s("x"))]))),
        (name, &[s("12/31/2024"), s("%{DATE}")], {
            Ok(m([
                ("DATE", s("12/31/2024")),
                ("DATE_US", s("12/31/2024")),
                ("MONTHNUM", s("12")),
                ("MONTHDAY", s("31")),
                ("YEAR", s("2024")),
            ]))
        }),
        (name, &[s("sha=abc"), s("sha=(?P<git.sha>\\w+)")], Ok(m([("git.sha", s("abc"))]))),
        (
            name,
            &[
                s(passwd),
                s("%{USERNAME:user.name}:%{PASSWORD:user.password}:%{USERINFO}"),
                Bool(true),
                l([s("PASSWORD=%{WORD}"), s("USERINFO=%{GREEDYDATA}")]),
            ],
            Ok(m([("user.name", s("smith")), ("user.password", s("pass123"))])),
        ),
        (name, &[s("x"), s("%{WORD:w}?%{INT:i}?"), Bool(true)], Ok(m([("w", s("x"))]))),
        (name, &[s("!"), s("%{WORD:w}")], Ok(m([]))),
        (name, &[s("99999999999999999999"), s("%{INT:i:int}")], Err("cannot convert \"99999999999999999999\"")),
        (name, &[s("x"), s("%{WORD:w:date}")], Err("unknown type \"date\"")),
        (name, &[s("x"), s("%{NOPE}")], Err("pattern definition \"NOPE\" unknown: give it in patternDefinitions")),
        (name, &[s("x"), s("%{WORD:my-word}")], Err("%{WORD:my-word} is not of the form %{SYNTAX}")),
        (name, &[s("x"), s("%{WORD")], Err("has no closing brace")),
        (
            name,
            &[s("x"), s("%{A}"), Nil, l([s("A=%{B}"), s("B=%{A}")])],
            Err("nested deeper than 32 levels, or in a circle"),
        ),
        (name, &[s("x"), s("%{WORD}"), Bool(true)], Err("at least 1 named capture group must be supplied")),
        (name, &[s("x"), s("("), Nil], Err("is not a valid pattern")),
        (name, &[s("x"), s("x"), Nil, l([s("A")])], Err("at index 0 has incorrect format, expecting PATTERNNAME=")),
        (name, &[s("x"), s("x"), Nil, l([s("A:B=x")])], Err("pattern ID \"A:B\" should not contain ':'")),
        (name, &[Nil, s("x")], Err("expected string but got nil")),
        (name, &[s("x"), Int(1)], Err("expected string but got int64")),
        (name, &[s("x"), s("x"), s("yes")], Err("must be a bool")),
    ]);
}

#[test]
fn laughs_at_a_billion() {
    let definitions: Vec<_> =
        (0..30).map(|n| Value::Str(format!("L{n}={}", format!("%{{L{}}}", n + 1).repeat(10)).into())).collect();
    let outcome = call("ExtractGrokPatterns", &[s("x"), s("%{L0}"), Nil, l(definitions)]);
    assert!(outcome.is_err_and(|message| message.contains("more than 262144 bytes") || message.contains("unknown")));
}

#[test]
fn reads_logs() {
    let apache =
        r#"127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /a.gif HTTP/1.0" 200 2326 "http://x/" "Mozilla/4.08""#;
    check(&[
        ("ExtractGrokPatterns", &[s(apache), s("%{COMBINEDAPACHELOG}"), Bool(true)], {
            Ok(m([
                ("source.address", s("127.0.0.1")),
                ("user.name", s("frank")),
                ("timestamp", s("10/Oct/2000:13:55:36 -0700")),
                ("http.request.method", s("GET")),
                ("url.original", s("/a.gif")),
                ("http.version", s("1.0")),
                ("http.response.status_code", Int(200)),
                ("http.response.body.size", Int(2326)),
                ("http.request.referrer", s("http://x/")),
                ("user_agent.original", s("Mozilla/4.08")),
            ]))
        }),
        ("ExtractGrokPatterns", &[s("Feb  3 10:00:01 web1 sshd[12]: Accepted key"), s("%{SYSLOGLINE}"), Bool(true)], {
            Ok(m([("timestamp", s("Feb  3 10:00:01")), ("host.name", s("web1")), ("message", s("Accepted key"))]))
        }),
    ]);
}

#[test]
fn long_definitions_fit_where_senders_name_them() {
    let dictionary = Dictionary { own: HashMap::new(), captures_named_only: true };
    for name in ["COMBINEDAPACHELOG", "HTTPD_ERRORLOG", "SYSLOG5424LINE", "URI"] {
        assert!(dictionary.compile(&format!("(?P<all>%{{{name}}})"), true).is_ok(), "{name}");
    }
}
