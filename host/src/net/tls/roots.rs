//! The CAs that the system trusts: `SSL_CERT_FILE`, `SSL_CERT_DIR`, or where the distribution keeps them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustls::pki_types::CertificateDer;

/// Reading them is hundreds of files, and they change with the system's updates.
const MAX_AGE: Duration = Duration::from_mins(1);

type Roots = Arc<Vec<CertificateDer<'static>>>;

/// The system's roots, at most a minute old, read once for everyone. What can not be read is left out.
pub(super) fn system_roots() -> Roots {
    static LAST: Mutex<Option<(Instant, Roots)>> = Mutex::new(None);
    let mut last = LAST.lock();
    if let Some((read_at, roots)) = &*last
        && read_at.elapsed() < MAX_AGE
    {
        return roots.clone();
    }
    let roots = Arc::new(rustls_native_certs::load_native_certs().certs);
    *last = Some((Instant::now(), roots.clone()));
    roots
}
