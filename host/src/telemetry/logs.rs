//! The host's own log: what `tracing` is told, in the collector's console or JSON format. A line is formatted where it is
//! logged and written by a thread of its own, through a bounded queue: a terminal that stands still costs lines (counted),
//! never data. Level, format and outputs can be changed while the host runs.

mod fields;
mod format;
mod sampling;
pub(crate) mod writer;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use serde_json::{Map, Value};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

use self::fields::Fields;
use self::format::Line;
use self::sampling::Sampler;
use self::writer::{Output, Writer};
use super::settings::{LogLevel, LogSettings};

/// Lines of this target were thinned out by their own settings, and have no caller, as those of the Go collector's debug
/// exporter.
pub const PLAIN_TARGET: &str = "tailrace::debug";

/// A handle on the process's log.
#[derive(Clone)]
pub struct Logger(Arc<Shared>);

struct Shared {
    format: ArcSwap<Format>,
    sampler: Sampler,
    writer: Writer,
    lost: AtomicU64,
}

/// How lines look at present.
struct Format {
    level: LevelFilter,
    json: bool,
    caller: bool,
    /// Resource and `initial_fields`: in every line.
    common: Map<String, Value>,
}

impl Logger {
    /// Makes the log of the process, as the defaults have it. The first one made gets what `tracing` is told from then on.
    pub fn install() -> Self {
        let format = Format { level: LevelFilter::INFO, json: false, caller: true, common: Map::new() };
        let shared = Shared {
            format: ArcSwap::from_pointee(format),
            sampler: Sampler::default(),
            writer: Writer::spawn(),
            lost: AtomicU64::new(0),
        };
        let logger = Self(Arc::new(shared));
        let subscriber = tracing_subscriber::registry().with(logger.clone());
        // A second host in one process (tests) logs through the first.
        let _ = tracing::subscriber::set_global_default(subscriber);
        logger
    }

    /// Logs by `settings` from now on; `resource` is what the host says of itself. Nothing changes if an output can not
    /// be opened.
    pub fn apply<'a>(
        &self,
        settings: &LogSettings,
        resource: impl Iterator<Item = (&'a String, &'a String)>,
    ) -> io::Result<()> {
        let outputs = settings.output_paths.iter().map(|path| Output::open(path)).collect::<Result<Vec<_>, _>>()?;
        let mut common = Map::new();
        if !settings.disable_zap_resource {
            let of_host: Map<_, _> = resource.map(|(k, v)| (k.clone(), Value::String(v.clone()))).collect();
            common.insert("resource".to_owned(), Value::Object(of_host));
        }
        for (name, value) in &settings.initial_fields {
            common.insert(name.clone(), serde_json::to_value(value).unwrap_or_default());
        }
        self.0.writer.set_outputs(outputs);
        self.0.sampler.configure(&settings.sampling);
        self.0.format.store(Arc::new(Format {
            level: filter(settings.level),
            json: settings.encoding == "json",
            caller: !settings.disable_caller,
            common,
        }));
        tracing::callsite::rebuild_interest_cache();
        Ok(())
    }

    /// Waits until everything logged so far is written, at most `patience`.
    pub fn flush(&self, patience: Duration) {
        self.0.writer.flush(patience);
    }

    /// Lines that were not written because the output did not keep up.
    pub fn lost(&self) -> u64 {
        self.0.lost.load(Ordering::Relaxed)
    }

    fn lets_through(&self, metadata: &Metadata<'_>) -> bool {
        let level = self.0.format.load().level;
        // Libraries tell too much below warnings.
        let own = metadata.target().starts_with("tailrace");
        *metadata.level() <= if own { level } else { level.min(LevelFilter::WARN) }
    }

    fn write(&self, metadata: &Metadata<'_>, message: &str, fields: &Map<String, Value>) {
        let format = self.0.format.load();
        let caller = match (metadata.file(), metadata.line()) {
            (Some(file), Some(line)) if format.caller && metadata.target() != PLAIN_TARGET => Some((file, line)),
            _ => None,
        };
        let line = Line { level: *metadata.level(), caller, message, common: &format.common, fields };
        let now = std::time::SystemTime::now();
        if !self.0.writer.write(if format.json { line.json(now) } else { line.console(now) }) {
            self.0.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Error => LevelFilter::ERROR,
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Logger {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.lets_through(metadata) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        self.lets_through(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.0.format.load().level)
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut fields = Fields::default();
            attributes.record(&mut fields);
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let metadata = event.metadata();
        let mut own = Fields::default();
        event.record(&mut own);
        if metadata.target() != PLAIN_TARGET && !self.0.sampler.admits(level_index(*metadata.level()), &own.message) {
            return;
        }
        let mut all = Map::new();
        for span in context.event_scope(event).into_iter().flat_map(tracing_subscriber::registry::Scope::from_root) {
            if let Some(fields) = span.extensions().get::<Fields>() {
                all.extend(fields.named.iter().map(|(name, value)| (name.clone(), value.clone())));
            }
        }
        all.extend(own.named);
        self.write(metadata, &own.message, &all);
    }
}

fn level_index(level: Level) -> usize {
    match level {
        Level::ERROR => 0,
        Level::WARN => 1,
        Level::INFO => 2,
        _ => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logged(settings: &LogSettings, log: impl FnOnce()) -> String {
        let shared = Shared {
            format: ArcSwap::from_pointee(Format {
                level: LevelFilter::INFO,
                json: false,
                caller: true,
                common: Map::new(),
            }),
            sampler: Sampler::default(),
            writer: Writer::spawn(),
            lost: AtomicU64::new(0),
        };
        let logger = Logger(Arc::new(shared));
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut settings = settings.clone();
        settings.output_paths = vec![file.path().to_str().unwrap().to_owned()];
        let resource = std::collections::BTreeMap::from([("service.name".to_owned(), "tailrace".to_owned())]);
        logger.apply(&settings, resource.iter()).unwrap();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(logger.clone()), log);
        logger.flush(Duration::from_secs(5));
        std::fs::read_to_string(file.path()).unwrap()
    }

    /// The fields of enclosing spans come first, then the line's own: tab-separated as core.md 5.4 has it.
    #[test]
    fn console_lines_have_five_columns() {
        let text = logged(&LogSettings::default(), || {
            let _span = tracing::info_span!("component", otelcol.component.id = "otlp").entered();
            tracing::warn!(attempt = 3, "Exporting failed.");
        });
        let columns: Vec<_> = text.trim_end().split('\t').collect();
        assert_eq!(columns[1], "warn");
        assert!(columns[2].starts_with("telemetry/logs.rs:"), "{text}");
        assert_eq!(columns[3], "Exporting failed.");
        let want = r#"{"resource": {"service.name": "tailrace"}, "otelcol.component.id": "otlp", "attempt": 3}"#;
        assert_eq!(columns[4], want);
    }

    #[test]
    fn repeats_are_thinned_out() {
        let mut settings = LogSettings::default();
        settings.sampling.initial = 2;
        settings.sampling.thereafter = 3;
        let text = logged(&settings, || {
            for n in 0..8 {
                tracing::info!(n, "again");
            }
            tracing::info!("another");
        });
        let kept: Vec<_> = text.lines().filter_map(|line| line.split("\"n\": ").nth(1)).collect();
        assert_eq!(kept, ["0}", "1}", "4}", "7}"]);
        assert_eq!(text.lines().count(), 5);
    }

    #[test]
    fn levels_and_json() {
        let settings = LogSettings { level: LogLevel::Warn, encoding: "json".into(), ..LogSettings::default() };
        let text = logged(&settings, || {
            tracing::info!("not this");
            tracing::error!(error = %"refused", "this");
        });
        let line: Value = serde_json::from_str(&text).unwrap();
        let keys: Vec<_> = line.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, ["level", "ts", "caller", "msg", "resource", "error"]);
        assert_eq!((line["level"].as_str(), line["msg"].as_str()), (Some("error"), Some("this")));
        assert!(line["ts"].as_f64().unwrap() > 1.7e9);
    }
}
