use std::fs;

use super::*;
use crate::config::testing::settings;
use crate::net::testing::{PATIENCE, cx};

fn extension(yaml: &str) -> Result<Arc<BearerTokenAuth>, BuildError> {
    let (settings, problems) = settings::<Settings>(yaml);
    assert!(!problems.has_errors(), "{problems}");
    BearerTokenAuth::new(settings.unwrap(), &cx("bearertokenauth", None)).map(Arc::new)
}

fn shows(header: &str, value: &str) -> HeaderMap {
    [(header.parse::<HeaderName>().unwrap(), value.parse::<HeaderValue>().unwrap())].into_iter().collect()
}

fn why(extension: &BearerTokenAuth, headers: &HeaderMap) -> String {
    extension.check(headers).err().map(|denied| denied.why).unwrap_or_default()
}

async fn sent(extension: &BearerTokenAuth) -> Result<String, Refusal> {
    let mut headers = HeaderMap::new();
    extension.apply(&mut headers, None).await?;
    assert!(headers[&extension.header].is_sensitive());
    Ok(headers[&extension.header].to_str().unwrap().to_owned())
}

#[tokio::test]
async fn servers_take_any_token_and_clients_show_the_first() {
    const WRONG: &str = "provided authorization does not match expected scheme or token";
    let extension = extension("tokens: [one, two]").unwrap();
    for value in ["Bearer one", "Bearer two"] {
        assert_eq!(why(&extension, &shows("authorization", value)), "", "{value}");
    }
    for value in ["Bearer three", "bearer one", "one", "Bearer one ", "Bearer on", ""] {
        assert_eq!(why(&extension, &shows("authorization", value)), WRONG, "{value}");
    }
    let mut several = shows("authorization", "Bearer three");
    several.append("authorization", "Bearer one".parse().unwrap());
    assert_eq!(why(&extension, &several), WRONG);
    let missing = extension.check(&HeaderMap::new()).unwrap_err();
    assert_eq!(missing.why, "missing or empty authorization header: Authorization");
    assert_eq!(missing.challenge.unwrap(), "Bearer");
    assert_eq!(sent(&extension).await.unwrap(), "Bearer one");
}

#[tokio::test]
async fn header_and_scheme_are_free() {
    let extension = extension("{header: X-API-Key, scheme: '', token: k}").unwrap();
    assert_eq!(why(&extension, &shows("x-api-key", "k")), "");
    assert_eq!(why(&extension, &shows("authorization", "k")), "missing or empty authorization header: X-API-Key");
    assert_eq!(sent(&extension).await.unwrap(), "k");
}

#[tokio::test]
async fn a_file_that_is_missing_refuses_to_start_unless_it_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens");
    let error = extension(&format!("filename: {}", file.display())).err().unwrap().to_string();
    assert!(error.starts_with(&format!("can not read {}: No such file", file.display())), "{error}");
    fs::write(&file, "\n  \n").unwrap();
    let error = extension(&format!("filename: {}", file.display())).err().unwrap().to_string();
    assert_eq!(error, format!("{}: no bearer token in it", file.display()));
    fs::remove_file(&file).unwrap();
    let waits = format!(
        "{{filename: {}, wait_for_token_file: true, retry_on_failure: {{enabled: true, max_retries: 1, interval: 1ms}}}}",
        file.display()
    );
    let extension = extension(&waits).unwrap();
    let denied = extension.check(&shows("authorization", "Bearer a")).unwrap_err();
    assert!(denied.passing, "{denied:?}");
    assert!(!sent(&extension).await.unwrap_err().is_permanent());
    let (stop, stopped) = Stop::new();
    let running = tokio::spawn({
        let extension = extension.clone();
        async move { extension.run(stopped).await }
    });
    until(|| !extension.host.health.degraded().is_empty()).await;
    fs::write(&file, "a of alice\n\nb\n").unwrap();
    until(|| why(&extension, &shows("authorization", "Bearer a")).is_empty()).await;
    assert_eq!(why(&extension, &shows("authorization", "Bearer b")), "");
    until(|| extension.host.health.degraded().is_empty()).await;
    // As a mounted Secret changes: by a link that leads elsewhere.
    fs::write(folder.path().join("next"), "c").unwrap();
    std::os::unix::fs::symlink(folder.path().join("next"), folder.path().join("link")).unwrap();
    fs::rename(folder.path().join("link"), &file).unwrap();
    until(|| why(&extension, &shows("authorization", "Bearer c")).is_empty()).await;
    assert_ne!(why(&extension, &shows("authorization", "Bearer a")), "");
    // What can not be used changes nothing.
    fs::remove_file(&file).unwrap();
    until(|| !extension.host.health.degraded().is_empty()).await;
    assert_eq!(why(&extension, &shows("authorization", "Bearer c")), "");
    stop.cancel();
    running.await.unwrap();
}

async fn until(is_so: impl Fn() -> bool) {
    tokio::time::timeout(PATIENCE, async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .expect("in time");
}

#[test]
fn settings_follow_the_rules() {
    for (yaml, expected) in [
        ("{}", "no bearer token provided"),
        ("{token: a, tokens: [b]}", "either tokens or token should be provided, not both"),
        ("{tokens: [b], filename: f}", "filename has no effect beside tokens"),
        ("{token: b, filename: f}", "token has no effect beside filename"),
        ("{token: a, wait_for_token_file: true}", "wait_for_token_file needs filename and retry_on_failure.enabled"),
        ("{filename: a, wait_for_token_file: true}", "wait_for_token_file needs filename and retry_on_failure.enabled"),
        ("{token: a, header: 'a b'}", "invalid header name \"a b\""),
        ("{tokens: [a, '']}", "an empty token would let in whoever shows none"),
    ] {
        let (settings, problems) = settings::<Settings>(yaml);
        let messages: Vec<_> = problems.all().iter().map(|problem| problem.message.clone()).collect();
        assert!(messages.len() == 1 && messages[0].ends_with(expected), "{yaml} {messages:?}");
        assert!(!format!("{settings:?}").contains("token: a"));
    }
    let both = settings::<Settings>("{token: a, filename: f}").0.unwrap();
    assert_eq!(both.file(), Some(PathBuf::from("f")));
    assert_eq!(settings::<Settings>("{tokens: [a], filename: f}").0.unwrap().file(), None);
}
