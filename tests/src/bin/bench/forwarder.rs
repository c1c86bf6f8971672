//! The floor: a gRPC server on tonic that hands the raw bytes of each request to a gRPC client on tonic, and does nothing
//! else. Run as a process of its own, pinned like the host.

use std::convert::Infallible;

use bytes::{Buf as _, BufMut as _, Bytes};
use futures_util::future::BoxFuture;
use http::uri::PathAndQuery;
use hyper::body::Incoming;
use hyper::server::conn::http2::Builder;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tailrace_otlp::Signal;
use tailrace_tests::client::grpc_path;
use tokio::net::TcpListener;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::server::UnaryService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Response, Status};

/// Serves until killed.
pub(crate) async fn run(listen: &str, to: &str) -> anyhow::Result<()> {
    let channel = Endpoint::from_shared(format!("http://{to}"))?.tcp_nodelay(true).connect_lazy();
    let listener = TcpListener::bind(listen).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let forward = Forward(channel.clone());
        let service = service_fn(move |request: http::Request<Incoming>| {
            let forward = forward.clone();
            async move { Ok::<_, Infallible>(tonic::server::Grpc::new(Raw).unary(forward, request).await) }
        });
        tokio::spawn(Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service));
    }
}

#[derive(Clone)]
struct Forward(Channel);

impl UnaryService<Bytes> for Forward {
    type Response = Bytes;
    type Future = BoxFuture<'static, Result<Response<Bytes>, Status>>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let channel = self.0.clone();
        Box::pin(async move {
            let mut client = tonic::client::Grpc::new(channel);
            client.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
            let path = PathAndQuery::from_static(grpc_path(Signal::Traces));
            client.unary(Request::new(request.into_inner()), path, Raw).await
        })
    }
}

/// Messages as they are.
#[derive(Clone, Copy)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}
