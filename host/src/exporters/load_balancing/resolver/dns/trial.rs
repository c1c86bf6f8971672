//! What `validate` finds out by asking.

use std::net::IpAddr;
use std::thread;
use std::time::Duration;

use super::{DnsSettings, Question};

/// `validate` does not wait longer, whatever is configured.
const PATIENCE: Duration = Duration::from_secs(5);

/// The address of the name, if it has just one that does not lead back to this machine. Nothing else is of interest: DNS may
/// answer differently where the configuration is going to run, or not at all where it is checked.
pub(in super::super) fn try_out(settings: &DnsSettings) -> Option<IpAddr> {
    if settings.hostname.parse::<IpAddr>().is_ok() {
        return None;
    }
    let mut question = Question::new(settings).ok()?;
    question.timeout = question.timeout.min(PATIENCE);
    match ask(question)?.as_slice() {
        [address] if !address.is_loopback() => Some(*address),
        _ => None,
    }
}

/// On a thread of its own: the caller may be in a runtime or not.
fn ask(question: Question) -> Option<Vec<IpAddr>> {
    let asking = thread::Builder::new().name("dns-trial".to_owned()).spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
        runtime.block_on(question.ask()).ok()
    });
    asking.ok()?.join().ok()?
}
