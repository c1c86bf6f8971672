//! Component types of the Go collector (core and contrib, old and new spellings), so that a message can tell a type that
//! is not here yet from a slip of the pen, and one that stands in the wrong section.

/// A section of the configuration and the types that the Go collector has for it.
pub(super) struct Known {
    /// `receivers`.
    pub section: &'static str,
    /// `a receiver`.
    pub one: &'static str,
    /// Sorted.
    pub types: &'static [&'static str],
}

/// By section, in the order of the file.
pub(super) const KNOWN: [Known; 5] = [
    Known { section: "receivers", one: "a receiver", types: RECEIVERS },
    Known { section: "processors", one: "a processor", types: PROCESSORS },
    Known { section: "exporters", one: "an exporter", types: EXPORTERS },
    Known { section: "connectors", one: "a connector", types: CONNECTORS },
    Known { section: "extensions", one: "an extension", types: EXTENSIONS },
];

#[rustfmt::skip]
const RECEIVERS: &[&str] = &[
    "active_directory_ds", "activedirectoryds", "aerospike", "apache", "apachespark", "awscloudwatch",
    "awscontainerinsightreceiver", "awsecscontainermetrics", "awsfirehose", "awss3", "awsxray", "azure_event_hub",
    "azureblob", "azureeventhub", "azuremonitor", "bigip", "carbon", "chrony", "cloudflare", "cloudfoundry",
    "collectd", "couchdb", "datadog", "docker_stats", "elasticsearch", "expvar", "faro", "file_log", "filelog",
    "filestats", "fluentforward", "github", "gitlab", "googlecloudmonitoring", "googlecloudpubsub",
    "googlecloudspanner", "haproxy", "host_metrics", "hostmetrics", "httpcheck", "icmpcheck", "iis", "influxdb",
    "jaeger", "jmx", "journald", "k8s_cluster", "k8s_events", "k8sobjects", "kafka", "kafkametrics", "kubeletstats",
    "libhoney", "loki", "memcached", "mongodb", "mongodbatlas", "mysql", "namedpipe", "netflow", "nginx", "nop",
    "nsxt", "ntp", "opencensus", "oracledb", "osquery", "otelarrow", "otlp", "otlp_json_file", "otlpjsonfile",
    "podman_stats", "postgresql", "pprof", "prometheus", "prometheus_remote_write", "prometheus_simple",
    "prometheusremotewrite", "pulsar", "purefa", "purefb", "rabbitmq", "receiver_creator", "redis", "riak", "saphana",
    "signalfx", "skywalking", "snmp", "snowflake", "solace", "splunk_hec", "splunkenterprise", "sqlquery",
    "sqlserver", "sshcheck", "statsd", "stef", "syslog", "systemd", "tcpcheck", "tcplog", "tlscheck", "udplog",
    "vcenter", "wavefront", "webhookevent", "windowseventlog", "windowsperfcounters", "windowsservice", "yanggrpc",
    "zipkin", "zookeeper",
];

#[rustfmt::skip]
const PROCESSORS: &[&str] = &[
    "attributes", "batch", "coralogix", "cumulativetodelta", "datadogsemantics", "delta_to_rate", "deltatocumulative",
    "deltatorate", "dns_lookup", "filter", "geoip", "group_by_attrs", "group_by_trace", "groupbyattrs",
    "groupbytrace", "interval", "isolation_forest", "k8s_attributes", "k8sattributes", "log_dedup", "logdedup",
    "logs_transform", "logstransform", "lookup", "memory_limiter", "metric_start_time", "metrics_generation",
    "metrics_transform", "metricsgeneration", "metricstarttime", "metricstransform", "probabilistic_sampler",
    "redaction", "remote_tap", "remotetap", "resource", "resource_detection", "resourcedetection", "schema", "span",
    "span_pruning", "sumologic", "tail_sampling", "transform", "unroll",
];

#[rustfmt::skip]
const EXPORTERS: &[&str] = &[
    "alertmanager", "alibabacloud_logservice", "awscloudwatchlogs", "awsemf", "awskinesis", "awss3", "awsxray",
    "azure_event_hubs", "azureblob", "azuredataexplorer", "azuremonitor", "bmchelix", "carbon", "cassandra",
    "clickhouse", "coralogix", "datadog", "dataset", "debug", "doris", "elasticsearch", "faro", "file", "googlecloud",
    "googlecloudpubsub", "googlecloudstorage", "googlemanagedprometheus", "honeycombmarker", "influxdb", "kafka",
    "kineticadb", "load_balancing", "loadbalancing", "logging", "logicmonitor", "logzio", "loki", "mezmo", "nop",
    "opensearch", "otelarrow", "otlp", "otlp_grpc", "otlp_http", "otlphttp", "prometheus", "prometheus_remote_write",
    "prometheusremotewrite", "pulsar", "rabbitmq", "sapm", "sematext", "sentry", "signalfx", "splunk_hec", "stef",
    "sumologic", "syslog", "tencentcloud_logservice", "tinybird", "zipkin",
];

#[rustfmt::skip]
const CONNECTORS: &[&str] = &[
    "count", "datadog", "exceptions", "failover", "forward", "grafanacloud", "metrics_as_attributes", "otlp_json",
    "otlpjson", "round_robin", "roundrobin", "routing", "service_graph", "servicegraph", "signal_to_metrics",
    "signaltometrics", "slow_sql", "slowsql", "span_metrics", "spanmetrics", "sum",
];

#[rustfmt::skip]
const EXTENSIONS: &[&str] = &[
    "ack", "asapauth", "awsproxy", "azure_auth", "azure_encoding", "basicauth", "bearertokenauth",
    "cfgarden_observer", "cgroup_runtime", "cgroupruntime", "db_storage", "docker_observer", "ecs_observer",
    "ecs_task_observer", "file_storage", "google_client_auth", "googleclientauth", "headers_setter", "health_check",
    "healthcheck", "healthcheckv2", "host_observer", "http_forwarder", "jaeger_encoding", "jaegerremotesampling",
    "k8s_leader_elector", "k8s_observer", "kafkatopics_observer", "memory_limiter", "oauth2client", "oidc", "opamp",
    "otlp_encoding", "pprof", "redis_storage", "remotetap", "sigv4auth", "solarwindsapmsettings", "sumologic",
    "text_encoding", "zipkin_encoding", "zpages",
];

/// What to say of a type that `section` does not have here.
pub(super) fn advice(section: &str, kind: &str) -> Option<String> {
    let has = |known: &&Known| known.types.contains(&kind);
    if KNOWN.iter().filter(|known| known.section == section).any(|known| has(&known)) {
        let one = KNOWN.iter().find(|known| known.section == section).map_or("a component", |known| known.one);
        return Some(format!("{kind:?} is {one} of the Go collector that tailrace does not have yet"));
    }
    let known = KNOWN.iter().find(has)?;
    let how = match known.section {
        "connectors" => {
            ", then name it among the exporters of one pipeline and among the receivers of another, \
             e.g. traces in and metrics out"
        }
        _ => "",
    };
    Some(format!("{kind:?} is {}: put it under {}{how}", known.one, known.section))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_sorted_and_distinct() {
        for known in &KNOWN {
            assert!(known.types.is_sorted_by(|a, b| a < b), "{}", known.section);
        }
    }
}
