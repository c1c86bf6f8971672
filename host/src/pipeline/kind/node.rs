//! The traits of `pipeline.rs` as trait objects.

use std::net::SocketAddr;
use std::sync::{Arc, Weak};

use super::Parsed;
use crate::exporters::queue::DynSend;
use crate::net::auth::Offer;
use crate::pipeline::{
    Batch, BoxFuture, Connector, Consume, Exporter, Extension, Next, Outputs, Processor, Receiver, Refusal, Stop,
    UpdateError,
};

/// A [`Receiver`] of any type.
pub trait DynReceiver: Send + Sync {
    /// See [`Receiver::run`].
    fn run(self: Arc<Self>, outputs: Outputs, stop: Stop) -> BoxFuture<'static, ()>;
    /// See [`Receiver::bound`].
    fn bound(&self) -> Vec<(&'static str, SocketAddr)>;
}

/// A [`Processor`] of any type.
pub trait DynProcessor: Send + Sync {
    /// See [`Processor::process`].
    fn process<'a>(&'a self, batch: Batch, next: &'a Next) -> BoxFuture<'a, Result<(), Refusal>>;
    /// See [`Processor::run`].
    fn run(self: Arc<Self>, next: Next, stop: Stop) -> BoxFuture<'static, ()>;
    /// See [`Processor::admit`].
    fn admit(&self) -> Result<(), Refusal>;
    /// See [`Processor::BUFFERS`].
    fn buffers(&self) -> bool;
    /// See [`Processor::update`].
    fn update(&self, new: &Parsed) -> Result<(), UpdateError>;
    /// See [`Processor::describe`].
    fn describe(&self) -> Vec<String>;
}

/// An [`Exporter`] of any type.
pub trait DynExporter: Send + Sync {
    /// Its sending side, for the queue that wraps it.
    fn sender(self: Arc<Self>) -> Arc<dyn DynSend>;
    /// See [`Exporter::run`].
    fn run(self: Arc<Self>, stop: Stop) -> BoxFuture<'static, ()>;
    /// See [`Exporter::succeed_by`].
    fn succeed_by(&self, successor: Weak<Box<dyn Consume>>);
}

/// A [`Connector`] of any type.
pub trait DynConnector: Send + Sync {
    /// See [`Connector::connect`].
    fn connect<'a>(&'a self, batch: Batch, outputs: &'a Outputs) -> BoxFuture<'a, Result<(), Refusal>>;
    /// See [`Connector::run`].
    fn run(self: Arc<Self>, outputs: Outputs, stop: Stop) -> BoxFuture<'static, ()>;
}

/// An [`Extension`] of any type.
pub trait DynExtension: Send + Sync {
    /// See [`Extension::run`].
    fn run(self: Arc<Self>, stop: Stop) -> BoxFuture<'static, ()>;
    /// See [`Extension::offer`].
    fn offer(self: Arc<Self>) -> Offer;
    /// See [`Extension::bound`].
    fn bound(&self) -> Vec<(&'static str, SocketAddr)>;
}

impl<R: Receiver> DynReceiver for R {
    fn run(self: Arc<Self>, outputs: Outputs, stop: Stop) -> BoxFuture<'static, ()> {
        Box::pin(async move { Receiver::run(&*self, outputs, stop).await })
    }

    fn bound(&self) -> Vec<(&'static str, SocketAddr)> {
        Receiver::bound(self)
    }
}

impl<P: Processor> DynProcessor for P {
    fn process<'a>(&'a self, batch: Batch, next: &'a Next) -> BoxFuture<'a, Result<(), Refusal>> {
        Box::pin(Processor::process(self, batch, next))
    }

    fn run(self: Arc<Self>, next: Next, stop: Stop) -> BoxFuture<'static, ()> {
        Box::pin(async move { Processor::run(&*self, next, stop).await })
    }

    fn admit(&self) -> Result<(), Refusal> {
        Processor::admit(self)
    }

    fn buffers(&self) -> bool {
        P::BUFFERS
    }

    fn update(&self, new: &Parsed) -> Result<(), UpdateError> {
        Processor::update(self, new.expect())
    }

    fn describe(&self) -> Vec<String> {
        Processor::describe(self)
    }
}

impl<E: Exporter> DynExporter for E {
    fn sender(self: Arc<Self>) -> Arc<dyn DynSend> {
        self
    }

    fn run(self: Arc<Self>, stop: Stop) -> BoxFuture<'static, ()> {
        Box::pin(async move { Exporter::run(&*self, stop).await })
    }

    fn succeed_by(&self, successor: Weak<Box<dyn Consume>>) {
        Exporter::succeed_by(self, successor);
    }
}

impl<C: Connector> DynConnector for C {
    fn connect<'a>(&'a self, batch: Batch, outputs: &'a Outputs) -> BoxFuture<'a, Result<(), Refusal>> {
        Box::pin(Connector::connect(self, batch, outputs))
    }

    fn run(self: Arc<Self>, outputs: Outputs, stop: Stop) -> BoxFuture<'static, ()> {
        Box::pin(async move { Connector::run(&*self, outputs, stop).await })
    }
}

impl<E: Extension> DynExtension for E {
    fn run(self: Arc<Self>, stop: Stop) -> BoxFuture<'static, ()> {
        Box::pin(async move { Extension::run(&*self, stop).await })
    }

    fn offer(self: Arc<Self>) -> Offer {
        Extension::offer(self)
    }

    fn bound(&self) -> Vec<(&'static str, SocketAddr)> {
        Extension::bound(self)
    }
}
