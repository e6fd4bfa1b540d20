//! A connection that can be cut: everything between a service and a server goes through it, and nothing while it is cut,
//! although both ends still believe in it.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How soon it is tried again to accept a connection.
const AGAIN: Duration = Duration::from_millis(50);

/// The way to a server on this machine.
#[derive(Debug)]
pub struct Wire {
    address: SocketAddr,
    is_cut: watch::Sender<bool>,
    accepting: JoinHandle<()>,
}

impl Wire {
    /// A whole one to the server with this URL (`nats://HOST:PORT`).
    pub async fn to(url: &str) -> Self {
        let target = url.trim_start_matches("nats://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("there are free ports");
        let address = listener.local_addr().expect("it is bound");
        let (is_cut, seen) = watch::channel(false);
        let accepting = tokio::spawn(async move {
            loop {
                match listener.accept().await {
                    Ok((client, _)) => drop(tokio::spawn(carry(client, target.clone(), seen.clone()))),
                    Err(_) => tokio::time::sleep(AGAIN).await,
                }
            }
        });
        Self { address, is_cut, accepting }
    }

    /// The URL of its near end.
    pub fn url(&self) -> String {
        format!("nats://{}", self.address)
    }

    /// Nothing goes through any more.
    pub fn cut(&self) {
        self.is_cut.send_replace(true);
    }

    /// It is whole again; what was sent meanwhile arrives.
    pub fn mend(&self) {
        self.is_cut.send_replace(false);
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn carry(client: TcpStream, target: String, is_cut: watch::Receiver<bool>) {
    let mut until_whole = is_cut.clone();
    let Ok(_) = until_whole.wait_for(|cut| !cut).await else { return };
    let Ok(server) = TcpStream::connect(target).await else { return };
    let ((asks, answers), (says, hears)) = (client.into_split(), server.into_split());
    // Either end may close; then both are closed.
    tokio::select! {
        () = pass_on(asks, hears, is_cut.clone()) => {}
        () = pass_on(says, answers, is_cut) => {}
    }
}

async fn pass_on(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut is_cut: watch::Receiver<bool>) {
    let mut piece = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = from.read(&mut piece).await {
        let is_whole = is_cut.wait_for(|cut| !cut).await.is_ok();
        if !is_whole || to.write_all(&piece[..length]).await.is_err() {
            return;
        }
    }
}
