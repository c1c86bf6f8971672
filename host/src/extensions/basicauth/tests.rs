use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, header};

use super::*;
use crate::config::testing::settings;
use crate::net::auth::{Denied, Identity};
use crate::net::testing::{PATIENCE, cx};

fn extension(yaml: &str) -> Arc<BasicAuth> {
    let (settings, problems) = settings::<Settings>(yaml);
    assert!(!problems.has_errors(), "{problems}");
    Arc::new(BasicAuth::new(settings.unwrap(), &cx("basicauth", None)).unwrap())
}

async fn check(extension: &Arc<BasicAuth>, shown: &str) -> Result<Arc<Identity>, Denied> {
    let server = extension.clone().offer().server.expect("a server's");
    let headers: HeaderMap = [(header::AUTHORIZATION, shown.parse().unwrap())].into_iter().collect();
    server.authenticate(&headers).await.map(|identity| identity.expect("known"))
}

async fn shown(extension: &Arc<BasicAuth>) -> String {
    let mut headers = HeaderMap::new();
    extension.clone().offer().client.expect("a client's").apply(&mut headers, None).await.unwrap();
    headers[header::AUTHORIZATION].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_a_client_shows_a_server_takes() {
    let server =
        extension("htpasswd: {inline: \"agent:$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\"}");
    let client = extension("client_auth: {username: agent, password: secret}");
    let right = shown(&client).await;
    assert_eq!(right, "Basic YWdlbnQ6c2VjcmV0");
    for _ in 0..2 {
        let identity = check(&server, &right).await.unwrap();
        assert_eq!(identity.values("username").collect::<Vec<_>>(), ["agent"]);
        assert_eq!(identity.values("raw").collect::<Vec<_>>(), ["YWdlbnQ6c2VjcmV0"]);
    }
    for (value, why) in [
        (shown(&extension("client_auth: {username: agent, password: Secret}")).await.as_str(), "invalid credentials"),
        (shown(&extension("client_auth: {username: nobody, password: secret}")).await.as_str(), "invalid credentials"),
        ("Bearer YWdlbnQ6c2VjcmV0", "invalid authorization scheme prefix"),
        ("Basic ???", "invalid authorization format"),
        ("Basic YWdlbnQ=", "invalid authorization format"),
    ] {
        let denied = check(&server, value).await.unwrap_err();
        assert_eq!((denied.why.as_str(), denied.passing), (why, false), "{value}");
        assert!(denied.challenge.unwrap().to_str().unwrap().starts_with("Basic realm="));
    }
    let none = server.offer().server.unwrap().authenticate(&HeaderMap::new()).await.unwrap_err();
    assert_eq!(none.why, "no basic auth provided");
}

#[tokio::test]
async fn files_are_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let (users, password) = (folder.path().join("htpasswd"), folder.path().join("password"));
    std::fs::write(&users, "agent:one\nother:x").unwrap();
    std::fs::write(&password, "one\n").unwrap();
    let server = extension(&format!("htpasswd: {{file: {}, inline: 'other:y'}}", users.display()));
    let client = extension(&format!("client_auth: {{username: agent, password_file: {}}}", password.display()));
    let (stop, stopped) = Stop::new();
    let running = [server.clone(), client.clone()].map(|extension| {
        let stopped = stopped.clone();
        tokio::spawn(async move { extension.run(stopped).await })
    });
    let first = shown(&client).await;
    check(&server, &first).await.unwrap();
    check(&server, "Basic b3RoZXI6eQ==").await.expect("inline wins");
    std::fs::write(&users, "agent:two").unwrap();
    std::fs::write(&password, "two\n").unwrap();
    let changed = async {
        while shown(&client).await == first || check(&server, &shown(&client).await).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, changed).await.expect("in time");
    assert_eq!(check(&server, &first).await.unwrap_err().why, "invalid credentials");
    stop.cancel();
    for task in running {
        task.await.unwrap();
    }
}

#[test]
fn settings_are_of_one_side() {
    for (yaml, expected) in [
        ("{}", "no credential source provided"),
        ("{htpasswd: {}}", "no credential source provided"),
        (
            "{htpasswd: {inline: 'a:b'}, client_auth: {username: a}}",
            "only one of `htpasswd` or `client_auth` can be specified",
        ),
        ("{htpasswd: {inline: 'swordfish'}}", "htpasswd line 1: malformed line, no colon"),
        ("{client_auth: {username: 'a:b'}}", "invalid authorization format"),
        ("{client_auth: {password: b}}", "requires a username or a username_file"),
    ] {
        let (_, problems) = settings::<Settings>(yaml);
        let messages: Vec<_> = problems.errors().map(|problem| problem.message.clone()).collect();
        assert!(messages.len() == 1 && messages[0].ends_with(expected), "{yaml} {messages:?}");
    }
    let (server, _) = settings::<Settings>("{htpasswd: {file: a}}");
    assert_eq!(BasicAuth::sides(&server.unwrap()), Sides::SERVER);
}
