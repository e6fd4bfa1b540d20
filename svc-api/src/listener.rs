//! Takes connections: only so many, and none that lets others wait for its request for ever.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use ipnet::IpNet;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::limits::{Limits, Share, Shares};

/// How long to wait when the system has no room for a connection.
const PAUSE: Duration = Duration::from_millis(100);
/// How often a connection of HTTP/2 is asked whether it lives, and how long it may take to say so.
const ALIVE: Duration = Duration::from_secs(20);
const STREAMS_MAX: u32 = 256;

/// Serves until `stop`; what is being answered then is answered.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    limits: &Limits,
    trusted: Vec<IpNet>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let builder = builder(Duration::from_millis(limits.head_wait_ms.max(1)));
    let most = usize::try_from(limits.connections.max(1)).unwrap_or(Semaphore::MAX_PERMITS);
    let room = Arc::new(Semaphore::new(most));
    let crowd = Crowd::new(limits.connections_per_address, trusted);
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = async {
            let place = room.clone().acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            () = stop.cancelled() => break,
            accepted = accepted => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let Ok(among_its_own) = crowd.enter(peer.ip()) else {
            tracing::debug!(%peer, "an address has too many connections");
            continue;
        };
        let connection = graceful.watch(connection(&builder, stream, peer, router.clone()));
        tokio::spawn(async move {
            let _held = (place, among_its_own);
            if let Err(error) = connection.await {
                tracing::debug!(%peer, %error, "a connection ended badly");
            }
        });
    }
    drop(listener);
    graceful.shutdown().await;
    Ok(())
}

fn builder(head_wait: Duration) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(head_wait).keep_alive(true);
    let http2 = &mut builder.http2();
    http2.timer(TokioTimer::new()).keep_alive_interval(ALIVE).keep_alive_timeout(ALIVE);
    http2.max_concurrent_streams(STREAMS_MAX);
    builder
}

fn connection(
    builder: &Builder<TokioExecutor>,
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
) -> impl hyper_util::server::graceful::GracefulConnection<Error = Box<dyn std::error::Error + Send + Sync>>
+ Send
+ 'static {
    // Events are small: the system must not hold one back until the one before is acknowledged.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection stays slow");
    }
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        router.clone().oneshot(request.map(Body::new))
    });
    builder.serve_connection(TokioIo::new(stream), service).into_owned()
}

/// How many connections each address has.
struct Crowd {
    trusted: Vec<IpNet>,
    by_address: Shares<IpAddr>,
}

impl Crowd {
    /// At most so many for each address; 0 does not limit.
    fn new(most: u32, trusted: Vec<IpNet>) -> Self {
        Self { trusted, by_address: Shares::of_at_most(most.into()) }
    }

    /// A place among the connections of an address, until it is dropped. Errors: it has as many as it may.
    fn enter(&self, address: IpAddr) -> Result<Option<Share<IpAddr>>, Full> {
        let address = address.to_canonical();
        if address.is_loopback() || self.trusted.iter().any(|network| network.contains(&address)) {
            return Ok(None);
        }
        self.by_address.take(&address, 1).map(Some).ok_or(Full)
    }
}

/// An address has as many connections as it may.
#[derive(Debug)]
struct Full;

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    async fn served(limits: Limits) -> (SocketAddr, CancellationToken) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
        let router = Router::new().route(
            "/",
            get(|ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.ip().to_string() }),
        );
        let stopped = stop.clone();
        tokio::spawn(async move { serve(listener, router, &limits, Vec::new(), stopped).await });
        (address, stop)
    }

    async fn answer(connection: &mut TcpStream) -> String {
        let mut bytes = Vec::new();
        tokio::time::timeout(Duration::from_secs(60), connection.read_to_end(&mut bytes))
            .await
            .unwrap()
            .unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[tokio::test]
    async fn whoever_sends_the_head_of_a_request_too_slowly_is_let_go() {
        let (address, stop) = served(Limits { head_wait_ms: 200, ..Limits::default() }).await;
        let mut slow = TcpStream::connect(address).await.unwrap();
        slow.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ").await.unwrap();
        let mut rest = Vec::new();
        // It ends, with or without words.
        let ended = tokio::time::timeout(Duration::from_secs(60), slow.read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "the connection stays");
        stop.cancel();
        let (address, stop) = served(Limits::default()).await;
        let mut quick = TcpStream::connect(address).await.unwrap();
        quick.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
        assert!(answer(&mut quick).await.ends_with("127.0.0.1"), "the handler knows where it comes from");
        stop.cancel();
    }

    #[tokio::test]
    async fn one_address_has_only_so_many_connections() {
        let crowd = Crowd::new(2, vec!["10.0.0.0/8".parse().unwrap()]);
        let address: IpAddr = "192.0.2.1".parse().unwrap();
        let first = crowd.enter(address);
        let second = crowd.enter(address);
        assert!(first.is_ok() && second.is_ok() && crowd.enter(address).is_err());
        drop(first);
        assert!(crowd.enter(address).is_ok(), "one has left, and so has this one");
        for trusted in ["10.1.2.3", "127.0.0.1"] {
            let held: Vec<_> = (0..9).map(|_| crowd.enter(trusted.parse().unwrap())).collect();
            assert!(held.iter().all(Result::is_ok), "{trusted}");
        }
    }
}
