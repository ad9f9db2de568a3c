//! The HTTP/1 server under both stand-ins: loopback only, scripted answers included.
//!
//! It knows connections and bodies. What a request means is the business of the [`Answer`] behind it.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What the peer of a connection gets to see.
#[derive(Debug)]
pub enum Reply {
    /// An ordinary answer.
    Whole(Response<Bytes>),
    /// The whole head, with a `Content-Length` of the full body, but only this many bytes of it; then the connection dies.
    Cut(Response<Bytes>, usize),
    /// The body in pieces of this many bytes, with a pause before each.
    Drip(Response<Bytes>, usize, Duration),
    /// The connection dies without an answer.
    Reset,
}

/// One stand-in: a request with its whole body in, a reply out. A delay is an `await` inside.
pub trait Answer: Send + Sync + 'static {
    /// Answers one request. Must not panic on anything a peer sends.
    fn answer(&self, request: Request<Bytes>) -> Pin<Box<dyn Future<Output = Reply> + Send + '_>>;
}

/// A running stand-in. Dropping it closes the port.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    accepting: JoinHandle<()>,
}

impl Server {
    /// Listens on 127.0.0.1, `port` 0 for any free one (`design.md` decision 9: emulators bind to 127.0.0.1).
    ///
    /// # Errors
    /// When the port cannot be bound.
    pub async fn start(port: u16, answer: Arc<dyn Answer>) -> std::io::Result<Self> {
        let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        let connections = Arc::new(AtomicUsize::new(0));
        let accepting = tokio::spawn(accept(listener, answer, connections.clone()));
        Ok(Self { address, connections, accepting })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections it has accepted so far.
    pub fn connections(&self) -> usize {
        self.connections.load(Relaxed)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, answer: Arc<dyn Answer>, accepted_so_far: Arc<AtomicUsize>) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                accepted_so_far.fetch_add(1, Relaxed);
                connections.spawn(serve(stream, answer.clone()));
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve(stream: TcpStream, answer: Arc<dyn Answer>) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| respond(request, answer.clone()));
    // An error here is the peer going away, or a scripted cut: both are the other side's story.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn respond(request: Request<Incoming>, answer: Arc<dyn Answer>) -> Result<Response<ScriptedBody>, Gone> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Gone)?.to_bytes();
    match answer.answer(Request::from_parts(head, body)).await {
        Reply::Whole(response) => Ok(response.map(ScriptedBody::whole)),
        Reply::Cut(response, keep) => Ok(response.map(|body| ScriptedBody::cut(body, keep))),
        Reply::Drip(response, piece, pause) => Ok(response.map(|body| ScriptedBody::drip(body, piece, pause))),
        Reply::Reset => Err(Gone),
    }
}

/// Ends a connection on purpose.
#[derive(Debug, thiserror::Error)]
#[error("the connection is cut by script")]
struct Gone;

/// A body that declares its full length and then delivers it, or a part of it, or slowly.
struct ScriptedBody {
    declared: u64,
    left: Bytes,
    breaks: bool,
    piece: usize,
    pause: Option<(Duration, Pin<Box<tokio::time::Sleep>>)>,
}

impl ScriptedBody {
    fn whole(body: Bytes) -> Self {
        Self { declared: body.len() as u64, left: body, breaks: false, piece: usize::MAX, pause: None }
    }

    fn cut(body: Bytes, keep: usize) -> Self {
        let left = body.slice(..keep.min(body.len()));
        Self { left, breaks: true, ..Self::whole(body) }
    }

    fn drip(body: Bytes, piece: usize, pause: Duration) -> Self {
        Self { piece: piece.max(1), pause: Some((pause, Box::pin(tokio::time::sleep(pause)))), ..Self::whole(body) }
    }
}

impl Body for ScriptedBody {
    type Data = Bytes;
    type Error = Gone;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Gone>>> {
        if self.left.is_empty() {
            return Poll::Ready(self.breaks.then_some(Err(Gone)));
        }
        if let Some((pause, sleep)) = &mut self.pause {
            std::task::ready!(sleep.as_mut().poll(context));
            *sleep = Box::pin(tokio::time::sleep(*pause));
        }
        let piece = self.piece.min(self.left.len());
        Poll::Ready(Some(Ok(Frame::data(self.left.split_to(piece)))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty() && !self.breaks
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.declared)
    }
}
