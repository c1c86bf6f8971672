//! The lists of attributes in a request, and what comparisons leave out.

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;

use crate::model::Model;

/// Whose attributes they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Resource,
    Scope,
    /// A span or log record.
    Item,
    Event,
    Point,
    /// Links, exemplars, metadata of metrics: no transform looks at these.
    Untouched,
}

/// Shows every list to `look`.
pub(crate) fn each_list(request: &mut Model, look: &mut dyn FnMut(Place, &mut Vec<KeyValue>)) {
    match request {
        Model::Traces(request) => {
            for resource in &mut request.resource_spans {
                resource.resource.iter_mut().for_each(|resource| look(Place::Resource, &mut resource.attributes));
                for scope in &mut resource.scope_spans {
                    scope.scope.iter_mut().for_each(|scope| look(Place::Scope, &mut scope.attributes));
                    for span in &mut scope.spans {
                        look(Place::Item, &mut span.attributes);
                        span.events.iter_mut().for_each(|event| look(Place::Event, &mut event.attributes));
                        span.links.iter_mut().for_each(|link| look(Place::Untouched, &mut link.attributes));
                    }
                }
            }
        }
        Model::Logs(request) => {
            for resource in &mut request.resource_logs {
                resource.resource.iter_mut().for_each(|resource| look(Place::Resource, &mut resource.attributes));
                for scope in &mut resource.scope_logs {
                    scope.scope.iter_mut().for_each(|scope| look(Place::Scope, &mut scope.attributes));
                    scope.log_records.iter_mut().for_each(|record| look(Place::Item, &mut record.attributes));
                }
            }
        }
        Model::Metrics(request) => {
            for resource in &mut request.resource_metrics {
                resource.resource.iter_mut().for_each(|resource| look(Place::Resource, &mut resource.attributes));
                for scope in &mut resource.scope_metrics {
                    scope.scope.iter_mut().for_each(|scope| look(Place::Scope, &mut scope.attributes));
                    for metric in &mut scope.metrics {
                        look(Place::Untouched, &mut metric.metadata);
                        metric.data.iter_mut().for_each(|data| each_point(data, look));
                    }
                }
            }
        }
    }
}

fn each_point(data: &mut Data, look: &mut dyn FnMut(Place, &mut Vec<KeyValue>)) {
    let mut point = |attributes: &mut Vec<KeyValue>| look(Place::Point, attributes);
    match data {
        Data::Gauge(data) => data.data_points.iter_mut().for_each(|at| point(&mut at.attributes)),
        Data::Sum(data) => data.data_points.iter_mut().for_each(|at| point(&mut at.attributes)),
        Data::Histogram(data) => data.data_points.iter_mut().for_each(|at| point(&mut at.attributes)),
        Data::ExponentialHistogram(data) => data.data_points.iter_mut().for_each(|at| point(&mut at.attributes)),
        Data::Summary(data) => data.data_points.iter_mut().for_each(|at| point(&mut at.attributes)),
    }
}

/// A missing resource is one without attributes.
pub(crate) fn with_resources(request: &mut Model) {
    match request {
        Model::Traces(request) => {
            request.resource_spans.iter_mut().for_each(|all| _ = all.resource.get_or_insert_default());
        }
        Model::Logs(request) => {
            request.resource_logs.iter_mut().for_each(|all| _ = all.resource.get_or_insert_default());
        }
        Model::Metrics(request) => {
            request.resource_metrics.iter_mut().for_each(|all| _ = all.resource.get_or_insert_default());
        }
    }
}

/// Without what samplers leave, and without what was empty from the start.
pub(crate) fn without_marks(request: &Model) -> Model {
    let mut request = request.clone();
    each_list(&mut request, &mut |_, list| list.retain(|pair| !pair.key.starts_with("sampling.")));
    match &mut request {
        Model::Traces(request) => {
            let scopes = request.resource_spans.iter_mut().flat_map(|resource| &mut resource.scope_spans);
            scopes.flat_map(|scope| &mut scope.spans).for_each(|span| span.trace_state.clear());
            let all = &mut request.resource_spans;
            all.retain_mut(|resource| {
                resource.scope_spans.retain(|scope| !scope.spans.is_empty());
                !resource.scope_spans.is_empty()
            });
        }
        Model::Logs(request) => {
            let all = &mut request.resource_logs;
            all.retain_mut(|resource| {
                resource.scope_logs.retain(|scope| !scope.log_records.is_empty());
                !resource.scope_logs.is_empty()
            });
        }
        Model::Metrics(_) => {}
    }
    request
}

/// Without bodies.
pub(crate) fn clear_bodies(request: &mut Model) {
    if let Model::Logs(request) = request {
        let scopes = request.resource_logs.iter_mut().flat_map(|resource| &mut resource.scope_logs);
        scopes.flat_map(|scope| &mut scope.log_records).for_each(|record| record.body = None);
    }
}
