//! Function Compute, custom runtime: the HTTP server, its routes and hooks (`reference/function-compute.md` §1).
//!
//! No time-out of the server's own: the platform ends what takes too long. One task per call, so that a panic fails that call alone.

mod answer;
mod headers;
mod marks;
mod running;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::Instrument;

use super::{Application, failed, in_own_task};
use crate::error::{Failure, Stage};
use crate::handler::Handled;
use crate::logging;
use marks::{Hook, Marked};
use running::Running;

/// How long no connection is accepted after one could not be: without a pause the log would fill with the same line.
const ACCEPT_PAUSE: std::time::Duration = std::time::Duration::from_millis(100);

/// The largest event of a synchronous call. Bytes (`reference/function-compute.md` §1.4).
const MAX_EVENT_BYTES: usize = 32 * 1024 * 1024;

/// Where the server listens: on every address, since the platform calls from outside the container.
///
/// # Errors
/// When the port cannot be bound.
pub async fn listen(port: u16) -> std::io::Result<TcpListener> {
    TcpListener::bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))).await
}

/// What every connection serves.
#[derive(Clone)]
struct Served {
    application: Arc<dyn Application>,
    running: Running,
}

/// Serves calls until `stopping` becomes true, then lets the running ones finish, but not for ever.
pub async fn serve(listener: TcpListener, application: Arc<dyn Application>, mut stopping: watch::Receiver<bool>) {
    let served = Served { application, running: Running::default() };
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => { connections.spawn(connection(stream, served.clone(), stopping.clone())); }
                // Out of file handles, or a peer that left in the queue: neither ends the server.
                Err(error) => {
                    tracing::warn!(event = "accept", %error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
            () = stopped(&mut stopping) => break,
        }
    }
    drop(listener);
    let ended = async { while connections.join_next().await.is_some() {} };
    tokio::join!(served.running.finish(running::AFTER_SIGTERM), ended);
}

async fn connection(stream: TcpStream, served: Served, mut stopping: watch::Receiver<bool>) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let served = served.clone();
        async move { Ok::<_, std::convert::Infallible>(route(request, served).await) }
    });
    let served = http1::Builder::new().keep_alive(true).header_read_timeout(None).serve_connection(TokioIo::new(stream), service);
    tokio::pin!(served);
    tokio::select! {
        // An error here is the peer going away: there is nobody left to tell.
        _ = served.as_mut() => {}
        () = stopped(&mut stopping) => {
            served.as_mut().graceful_shutdown();
            let _ = served.await;
        }
    }
}

/// Returns when the process is to stop. Whoever could say so being gone counts as never.
async fn stopped(stopping: &mut watch::Receiver<bool>) {
    if stopping.wait_for(|stopping| *stopping).await.is_err() {
        std::future::pending::<()>().await;
    }
}

async fn route(request: Request<Incoming>, served: Served) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    if head.method == Method::GET && head.uri.path() == "/healthz" {
        return answer::plain("ok");
    }
    let Some(hook) = Hook::of(&head.method, head.uri.path()) else { return answer::no_such_route() };
    let request_id = headers::request_id(&head.headers);
    let span = logging::span_of_call(&request_id, headers::trace_id(&head.headers).as_deref());
    marked(hook, request_id, (head.headers, body), served).instrument(span).await
}

/// A call or a hook between the marks that tell the platform whose lines these are.
async fn marked(hook: Hook, request_id: String, (headers, body): (HeaderMap, Incoming), served: Served) -> Response<Full<Bytes>> {
    let marked = Marked::start(hook, &request_id);
    let handled = match headers::control_path(&headers) {
        Some(path) if path != hook.path() => Some(failed(&request_id, misrouted())),
        _ => called(hook, &headers, body, served).await,
    };
    let report = handled.as_ref().map(|handled| handled.report.json()).unwrap_or_default();
    if let Some(handled) = &handled {
        logging::call(handled, &report);
    }
    marked.end(handled.as_ref().is_some_and(|handled| handled.failure.is_some()));
    handled.as_ref().map_or_else(|| answer::plain("ok"), |handled| answer::of(handled, report))
}

/// What became of a call or a hook; `None` for a hook with nothing to tell.
async fn called(hook: Hook, headers: &HeaderMap, body: Incoming, served: Served) -> Option<Handled> {
    match hook {
        Hook::Invoke => Some(invoke(headers, body, served).await),
        Hook::Initialize => served.application.start_failure().map(|failure| failed(&headers::request_id(headers), failure)),
        Hook::PreStop => {
            served.running.finish(running::AFTER_PRE_STOP).await;
            None
        }
    }
}

async fn invoke(headers: &HeaderMap, body: Incoming, served: Served) -> Handled {
    let deadline = headers::deadline(headers);
    let request_id = headers::request_id(headers);
    let handled = match Limited::new(body, MAX_EVENT_BYTES).collect().await {
        Ok(event) => {
            let invocation = headers::invocation(headers, event.to_bytes(), deadline);
            // Inside the task even the making of the future may panic.
            let call = in_own_task(async move { served.application.invoke(invocation).await });
            served.running.run(call).await.unwrap_or_else(|| Err(stops()))
        }
        Err(_) => Err(Failure::new(Stage::Event, "unreadable_event", "the event did not arrive whole", "the trigger calls again")),
    };
    handled.unwrap_or_else(|failure| failed(&request_id, failure))
}

fn stops() -> Failure {
    let hint = "nothing is lost: the range comes again, to another instance";
    Failure::new(Stage::Deadline, "instance_stops", "the instance stops before the call is done", hint)
}

fn misrouted() -> Failure {
    let message = "the header x-fc-control-path names another path than the request";
    Failure::new(Stage::Event, "wrong_control_path", message, "invoke the function as an event function, without an HTTP trigger")
}
