use super::*;
use crate::net::testing::cx;

struct Named(&'static str);

impl AuthenticateServer for Named {
    fn authenticate<'a>(&'a self, _headers: &'a HeaderMap) -> BoxFuture<'a, Result<Option<Arc<Identity>>, Denied>> {
        Box::pin(std::future::ready(Err(Denied::new(self.0))))
    }
}

fn offer(name: &'static str) -> Offer {
    Offer { server: Some(Arc::new(Named(name))), client: None }
}

async fn said(server: &Server) -> (String, bool) {
    let denied = server.authenticate(&HeaderMap::new()).await.unwrap_err();
    (denied.why, denied.passing)
}

#[tokio::test]
async fn whoever_refers_to_an_authenticator_follows_its_successors() {
    let host = cx("otlp", None).host;
    let id: ComponentId = "oidc/a".parse().unwrap();
    assert!(host.auth.server(None).is_none());
    let server = host.auth.server(Some(&id)).unwrap();
    let missing = r#"failed to resolve authenticator "oidc/a": authenticator not found"#;
    // Nothing is let in before it is there, and clients may try again.
    assert_eq!(said(&server).await, (missing.to_owned(), true));
    host.auth.set(&id, offer("first"));
    assert_eq!(said(&server).await, ("first".to_owned(), false));
    host.auth.set(&id, offer("second"));
    assert_eq!(said(&server).await.0, "second");
    // One that is gone stays for those who are still handing on, and for nobody else.
    host.auth.retain(|_| false);
    assert_eq!(said(&server).await.0, "second");
    drop(server);
    host.auth.retain(|_| false);
    assert_eq!(said(&host.auth.server(Some(&id)).unwrap()).await.0, missing);
    // One that runs is kept without anybody referring to it: a reload may add somebody.
    host.auth.set(&id, offer("third"));
    host.auth.retain(|running| running == "oidc/a");
    assert_eq!(said(&host.auth.server(Some(&id)).unwrap()).await.0, "third");
    let client = host.auth.client(Some(&id)).unwrap();
    let refusal = client.apply(&mut HeaderMap::new(), None).await.unwrap_err();
    assert!(!refusal.is_permanent() && refusal.why == missing);
}

#[test]
fn identities_do_not_show_what_they_hold() {
    let identity: Identity = [("raw", "swordfish"), ("membership", "a"), ("membership", "b")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into_iter()
        .collect();
    assert_eq!(identity.values("membership").collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(format!("{identity:?}"), "[\"raw\", \"membership\", \"membership\"]");
}
