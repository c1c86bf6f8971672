use super::*;
use crate::config::testing::settings;
use crate::net::testing::cx;

fn extension(yaml: &str) -> Arc<HeadersSetter> {
    let (settings, problems) = settings::<Settings>(yaml);
    assert!(!problems.has_errors(), "{problems}");
    Arc::new(HeadersSetter::new(settings.unwrap(), &cx("headers_setter", None)).unwrap())
}

fn about(entries: &[(&str, &str)], identity: &[(&str, &str)]) -> Metadata {
    let owned =
        |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect::<Vec<_>>();
    Metadata { entries: owned(entries), identity: Some(Arc::new(owned(identity).into_iter().collect())) }
}

async fn applied(
    yaml: &str,
    before: &[(&'static str, &'static str)],
    about: Option<&Metadata>,
) -> Result<String, Refusal> {
    let pair =
        |(name, value): &(&'static str, &'static str)| (HeaderName::from_static(name), HeaderValue::from_static(value));
    let mut headers: HeaderMap = before.iter().map(pair).collect();
    extension(yaml).apply(&mut headers, about).await?;
    let mut all: Vec<_> = headers.iter().map(|(name, value)| format!("{name}={}", value.to_str().unwrap())).collect();
    all.sort();
    Ok(all.join(" "))
}

#[tokio::test]
async fn actions_are_those_of_the_collector() {
    for (action, before, after) in [
        ("insert", &[][..], "x-a=1"),
        ("insert", &[("x-a", "0")], "x-a=0"),
        ("update", &[], ""),
        ("update", &[("x-a", "0")], "x-a=1"),
        ("upsert", &[], "x-a=1"),
        ("upsert", &[("x-a", "0")], "x-a=1"),
        ("delete", &[("x-a", "0"), ("x-b", "0")], "x-b=0"),
    ] {
        let value = if action == "delete" { "" } else { ", value: '1'" };
        let yaml = format!("headers: [{{action: {action}, key: X-A{value}}}]");
        assert_eq!(applied(&yaml, before, None).await.unwrap(), after, "{action}");
    }
    assert_eq!(applied("headers: [{key: X-A, value: '1'}]", &[], None).await.unwrap(), "x-a=1");
}

#[tokio::test]
async fn values_come_from_whoever_sent_the_data() {
    let about = about(
        &[("tenant", "t"), ("two", "1"), ("two", "2")],
        &[("subject", "alice"), ("membership", "a"), ("membership", "b")],
    );
    for (source, after) in [
        ("from_context: Tenant", "x=t"),
        ("from_context: metadata.tenant", "x=t"),
        ("from_attribute: subject", "x=alice"),
        ("from_context: auth.subject", "x=alice"),
        ("from_context: none, default_value: d", "x=d"),
        ("from_attribute: none, default_value: d", "x=d"),
        ("from_context: none", ""),
    ] {
        let yaml = format!("headers: [{{action: upsert, key: x, {source}}}]");
        assert_eq!(applied(&yaml, &[], Some(&about)).await.unwrap(), after, "{source}");
    }
    // What a client calls itself is not what an authenticator found out.
    assert_eq!(applied("headers: [{key: x, from_context: auth.tenant}]", &[], Some(&about)).await.unwrap(), "");
    assert_eq!(applied("headers: [{key: x, from_context: tenant, default_value: d}]", &[], None).await.unwrap(), "x=d");
    for source in ["from_context: two", "from_attribute: membership"] {
        let refusal = applied(&format!("headers: [{{key: x, {source}}}]"), &[], Some(&about)).await.unwrap_err();
        assert!(refusal.is_permanent() && refusal.why.starts_with("2 source keys found in the context"), "{refusal}");
    }
}

#[tokio::test]
async fn files_and_another_authenticator_are_used() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("value");
    std::fs::write(&file, "from a file\n").unwrap();
    let yaml = format!("headers: [{{key: x, value_file: {}}}]", file.display());
    assert_eq!(applied(&yaml, &[], None).await.unwrap(), "x=from a file");
    let cx = cx("headers_setter", None);
    let (inner, _) = settings::<Settings>("headers: [{key: a, value: '1'}, {key: b, value: '1'}]");
    let inner = Arc::new(HeadersSetter::new(inner.unwrap(), &cx).unwrap());
    cx.host.auth.set(&"headers_setter/inner".parse().unwrap(), inner.offer());
    let (outer, _) = settings::<Settings>(
        "{headers: [{action: update, key: a, value: '2'}], additional_auth: headers_setter/inner}",
    );
    let outer = HeadersSetter::new(outer.unwrap(), &cx).unwrap();
    let mut headers = HeaderMap::new();
    outer.apply(&mut headers, None).await.unwrap();
    assert_eq!((headers["a"].to_str().unwrap(), headers["b"].to_str().unwrap()), ("2", "1"));
}

#[test]
fn settings_that_are_wrong_are_named() {
    for (yaml, expected) in [
        ("{}", "missing headers configuration"),
        ("headers: [{value: a}]", "missing header name"),
        (
            "headers: [{key: a}]",
            "missing header source, must be 'from_context', 'from_attribute', 'value', or 'value_file'",
        ),
        (
            "headers: [{key: a, value: b, from_context: c}]",
            "invalid header source, must be only one of 'from_context', 'from_attribute', 'value', or 'value_file'",
        ),
        ("headers: [{key: 'a b', value: c}]", "invalid header name \"a b\""),
        ("headers: [{key: a, value: c, default_value: d}]", "has no effect without from_context or from_attribute"),
    ] {
        let (_, problems) = settings::<Settings>(yaml);
        let messages: Vec<_> = problems.all().iter().map(|problem| problem.message.clone()).collect();
        assert!(messages.len() == 1 && messages[0].ends_with(expected), "{yaml} {messages:?}");
    }
}
