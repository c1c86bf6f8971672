//! What commands print. A reader that has gone away (`| head`) is no failure: what it did not read, it does not miss. The macros of
//! the standard library panic then.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

/// To standard output, as it is.
pub(crate) fn out(text: &str) -> anyhow::Result<()> {
    Ok(unless_nobody_reads(write(io::stdout().lock(), text))?)
}

/// A line to standard error.
pub(crate) fn err(line: impl Display) {
    // There is nowhere else to say that this failed.
    let _ = write(io::stderr().lock(), &format!("{line}\n"));
}

/// At once, so that a line is whole or not there.
fn write(mut to: impl Write, text: &str) -> io::Result<()> {
    to.write_all(text.as_bytes())?;
    to.flush()
}

fn unless_nobody_reads(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_has_gone_is_no_failure_and_a_full_disk_is() {
        let (reader, writer) = io::pipe().expect("a pipe");
        drop(reader);
        let written = write(writer, "hello");
        assert_eq!(written.as_ref().map_err(io::Error::kind), Err(ErrorKind::BrokenPipe));
        assert!(unless_nobody_reads(written).is_ok());
        assert!(unless_nobody_reads(Err(ErrorKind::StorageFull.into())).is_err());
    }
}
