//! A client that sends any bytes, over gRPC or HTTP, and shows the whole answer.

use std::sync::Arc;

use bytes::{BufMut as _, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::{Client as HttpClient, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use prost::Message as _;
use tailrace_otlp::Signal;
use tonic::{Code, Status};

/// Sends to one address. Cloning shares the connection.
#[derive(Clone)]
pub struct Client {
    http: HttpClient<HttpConnector, Full<Bytes>>,
    address: Arc<str>,
    grpc: bool,
}

/// An answer to a request.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status; 0 if the connection broke.
    pub status: u16,
    /// HTTP headers.
    pub headers: HeaderMap,
    /// The body as sent, with gRPC's framing.
    pub body: Bytes,
    /// gRPC status.
    pub grpc: Option<Status>,
}

impl Answer {
    /// Whether the data was taken.
    pub fn is_ok(&self) -> bool {
        match &self.grpc {
            Some(status) => status.code() == Code::Ok,
            None => (200..300).contains(&self.status),
        }
    }

    /// Whether OTLP lets the client send the same again.
    pub fn is_retryable(&self) -> bool {
        const RETRYABLE: [Code; 6] = [
            Code::Cancelled,
            Code::DeadlineExceeded,
            Code::Aborted,
            Code::OutOfRange,
            Code::Unavailable,
            Code::DataLoss,
        ];
        match &self.grpc {
            Some(status) => RETRYABLE.contains(&status.code()) || self.asks_for_retry(),
            None => [429, 502, 503, 504].contains(&self.status),
        }
    }

    /// The gRPC code.
    pub fn code(&self) -> Code {
        self.grpc.as_ref().expect("a gRPC answer").code()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    fn asks_for_retry(&self) -> bool {
        let details = self.grpc.as_ref().map_or(&[][..], |status| status.details());
        String::from_utf8_lossy(details).contains("google.rpc.RetryInfo")
    }
}

impl Client {
    /// Calls over gRPC.
    pub fn grpc(address: &str) -> Self {
        Self::new(address, true)
    }

    /// Posts over HTTP/1.1.
    pub fn http(address: &str) -> Self {
        Self::new(address, false)
    }

    fn new(address: &str, grpc: bool) -> Self {
        let http = HttpClient::builder(TokioExecutor::new()).http2_only(grpc).build_http();
        Self { http, address: address.into(), grpc }
    }

    /// Sends an OTLP request.
    pub async fn send(&self, signal: Signal, message: &impl prost::Message) -> Answer {
        self.send_bytes(signal, message.encode_to_vec().into(), &[]).await
    }

    /// Sends these bytes as an OTLP request in protobuf, with more headers. With gRPC a header `grpc-encoding` sets the
    /// message's compressed flag.
    pub async fn send_bytes(&self, signal: Signal, message: Bytes, headers: &[(&str, &str)]) -> Answer {
        if !self.grpc {
            let mut all = vec![("content-type", "application/x-protobuf")];
            all.extend(headers);
            return self.post(&format!("/v1/{signal}"), message, &all).await;
        }
        let compressed = headers.iter().any(|(name, _)| *name == "grpc-encoding");
        let mut framed = BytesMut::with_capacity(message.len() + 5);
        framed.put_u8(u8::from(compressed));
        framed.put_u32(message.len() as u32);
        framed.put(message);
        let mut all = vec![("content-type", "application/grpc"), ("te", "trailers")];
        all.extend(headers);
        self.post(grpc_path(signal), framed.freeze(), &all).await
    }

    /// Posts anything anywhere.
    pub async fn post(&self, path: &str, body: Bytes, headers: &[(&str, &str)]) -> Answer {
        self.request(Method::POST, path, body, headers).await
    }

    /// Gets a page.
    pub async fn get(&self, path: &str) -> Answer {
        self.request(Method::GET, path, Bytes::new(), &[]).await
    }

    /// Any request.
    pub async fn request(&self, method: Method, path: &str, body: Bytes, headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = format!("http://{}{path}", self.address).parse().expect("a URI");
        for (name, value) in headers {
            let value = HeaderValue::from_str(value).expect("a header value");
            request.headers_mut().append(HeaderName::try_from(*name).expect("a header name"), value);
        }
        self.exchange(request).await.unwrap_or_else(|error| Answer {
            status: 0,
            headers: HeaderMap::new(),
            body: Bytes::from(format!("{error:?}")),
            grpc: self.grpc.then(|| Status::unknown(format!("{error:?}"))),
        })
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> anyhow::Result<Answer> {
        let (head, body) = self.http.request(request).await?.into_parts();
        let collected = body.collect().await?;
        let trailers = collected.trailers().cloned().unwrap_or_default();
        let grpc = self.grpc.then(|| {
            let status = Status::from_header_map(&trailers).or_else(|| Status::from_header_map(&head.headers));
            status.unwrap_or_else(|| Status::unknown(format!("no gRPC status, HTTP {}", head.status)))
        });
        Ok(Answer { status: head.status.as_u16(), headers: head.headers, body: collected.to_bytes(), grpc })
    }
}

/// `google.rpc.Status`, the body of a refusal over HTTP.
#[derive(Clone, PartialEq, prost::Message)]
pub struct RpcStatus {
    /// gRPC code.
    #[prost(int32, tag = "1")]
    pub code: i32,
    /// What is wrong.
    #[prost(string, tag = "2")]
    pub message: String,
}

impl Answer {
    /// The body of a refusal in protobuf.
    pub fn rpc_status(&self) -> RpcStatus {
        RpcStatus::decode(self.body.clone()).expect("a google.rpc.Status")
    }
}

/// The path of a signal's unary call.
pub fn grpc_path(signal: Signal) -> &'static str {
    match signal {
        Signal::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        Signal::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
        Signal::Logs => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    }
}
