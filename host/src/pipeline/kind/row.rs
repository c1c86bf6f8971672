//! The rows of the component tables.

use std::fmt;
use std::sync::Arc;

use super::{DynConnector, DynExporter, DynExtension, DynProcessor, DynReceiver, Parsed};
use crate::config::{self, Node, Path, Problems};
use crate::exporters::queue::Delivery;
use crate::net::auth::Sides;
use crate::pipeline::{BuildError, Connector, Cx, Exporter, Extension, Processor, Receiver, Settings, Signal};

/// Decodes a component's section of the YAML (`None`: the section is null or empty), reporting every problem in it.
pub type Parse = fn(Option<&Node>, &Path, &mut Problems) -> Option<Parsed>;

/// Makes an instance from settings that the row's own `parse` gave.
pub type Build<T> = fn(&Parsed, &Cx) -> Result<Arc<T>, BuildError>;

/// How far a component can be relied on, in the collector's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stability {
    /// Its settings may still change.
    Alpha,
    /// Its settings will not change incompatibly without notice.
    Beta,
    /// Neither its settings nor what it does will change incompatibly.
    Stable,
}

impl fmt::Display for Stability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Alpha => "Alpha",
            Self::Beta => "Beta",
            Self::Stable => "Stable",
        })
    }
}

/// What every row knows, whatever its kind.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// The canonical type name.
    pub name: &'static str,
    /// Other spellings of it.
    pub aliases: &'static [&'static str],
    /// How far it can be relied on.
    pub stability: Stability,
    /// One sentence for `components`.
    pub doc: &'static str,
    /// Decodes its section.
    pub parse: Parse,
}

/// A row of any kind.
pub trait Row: Sync + 'static {
    /// receiver, processor, exporter, connector, extension: as logs and messages name the kind.
    const KIND: &'static str;
    /// What it knows.
    fn about(&self) -> &About;
}

/// The row whose canonical name or alias is `name`.
pub fn find<R: Row>(table: &'static [R], name: &str) -> Option<&'static R> {
    table.iter().find(|row| row.about().name == name || row.about().aliases.contains(&name))
}

/// A type of receiver.
#[derive(Debug)]
pub struct ReceiverRow {
    /// Name, stability, documentation, decoder.
    pub about: About,
    /// The signals it can produce.
    pub signals: &'static [Signal],
    /// Makes an instance from its own settings.
    pub build: Build<dyn DynReceiver>,
}

/// A type of processor.
#[derive(Debug)]
pub struct ProcessorRow {
    /// Name, stability, documentation, decoder.
    pub about: About,
    /// The signals it can work on.
    pub signals: &'static [Signal],
    /// Makes an instance from its own settings.
    pub build: Build<dyn DynProcessor>,
}

/// A type of exporter.
#[derive(Debug)]
pub struct ExporterRow {
    /// Name, stability, documentation, decoder.
    pub about: About,
    /// The signals it can send.
    pub signals: &'static [Signal],
    /// Makes an instance from its own settings.
    pub build: Build<dyn DynExporter>,
    /// The queue, retry and timeout of its settings.
    pub delivery: fn(&Parsed) -> Delivery,
    /// Labels beside `exporter` on its counters.
    pub labels: fn(&Parsed, Signal) -> Vec<(&'static str, String)>,
}

/// A type of connector.
#[derive(Debug)]
pub struct ConnectorRow {
    /// Name, stability, documentation, decoder.
    pub about: About,
    /// Pairs of (signal it takes, signal it gives).
    pub pairs: &'static [(Signal, Signal)],
    /// Makes an instance from its own settings.
    pub build: Build<dyn DynConnector>,
}

/// A type of extension.
#[derive(Debug)]
pub struct ExtensionRow {
    /// Name, stability, documentation, decoder.
    pub about: About,
    /// Makes an instance from its own settings.
    pub build: Build<dyn DynExtension>,
    /// For whom it authenticates with its settings.
    pub sides: fn(&Parsed) -> Sides,
}

impl Row for ReceiverRow {
    const KIND: &'static str = "receiver";
    fn about(&self) -> &About {
        &self.about
    }
}

impl Row for ProcessorRow {
    const KIND: &'static str = "processor";
    fn about(&self) -> &About {
        &self.about
    }
}

impl Row for ExporterRow {
    const KIND: &'static str = "exporter";
    fn about(&self) -> &About {
        &self.about
    }
}

impl Row for ConnectorRow {
    const KIND: &'static str = "connector";
    fn about(&self) -> &About {
        &self.about
    }
}

impl Row for ExtensionRow {
    const KIND: &'static str = "extension";
    fn about(&self) -> &About {
        &self.about
    }
}

/// The row of a receiver.
pub const fn receiver<R: Receiver>(stability: Stability, doc: &'static str) -> ReceiverRow {
    ReceiverRow {
        about: About { name: R::TYPE, aliases: R::ALIASES, stability, doc, parse: parse::<R::Settings> },
        signals: R::SIGNALS,
        build: |settings, cx| Ok(Arc::new(R::new(settings.expect::<R::Settings>().clone(), cx)?)),
    }
}

/// The row of a processor.
pub const fn processor<P: Processor>(stability: Stability, doc: &'static str) -> ProcessorRow {
    ProcessorRow {
        about: About { name: P::TYPE, aliases: P::ALIASES, stability, doc, parse: parse::<P::Settings> },
        signals: P::SIGNALS,
        build: |settings, cx| Ok(Arc::new(P::new(settings.expect::<P::Settings>().clone(), cx)?)),
    }
}

/// The row of an exporter.
pub const fn exporter<E: Exporter>(stability: Stability, doc: &'static str) -> ExporterRow {
    ExporterRow {
        about: About { name: E::TYPE, aliases: E::ALIASES, stability, doc, parse: parse::<E::Settings> },
        signals: E::SIGNALS,
        build: |settings, cx| Ok(Arc::new(E::new(settings.expect::<E::Settings>().clone(), cx)?)),
        delivery: |settings| E::delivery(settings.expect()),
        labels: |settings, signal| E::labels(settings.expect(), signal),
    }
}

/// The row of a connector.
pub const fn connector<C: Connector>(stability: Stability, doc: &'static str) -> ConnectorRow {
    ConnectorRow {
        about: About { name: C::TYPE, aliases: C::ALIASES, stability, doc, parse: parse::<C::Settings> },
        pairs: C::PAIRS,
        build: |settings, cx| Ok(Arc::new(C::new(settings.expect::<C::Settings>().clone(), cx)?)),
    }
}

/// The row of an extension.
pub const fn extension<E: Extension>(stability: Stability, doc: &'static str) -> ExtensionRow {
    ExtensionRow {
        about: About { name: E::TYPE, aliases: E::ALIASES, stability, doc, parse: parse::<E::Settings> },
        build: |settings, cx| Ok(Arc::new(E::new(settings.expect::<E::Settings>().clone(), cx)?)),
        sides: |settings| E::sides(settings.expect()),
    }
}

fn parse<S: Settings>(section: Option<&Node>, at: &Path, problems: &mut Problems) -> Option<Parsed> {
    config::decode::<S>(section, at, problems).map(Parsed::new)
}
