//! The runtime shape of every server here, that of mcp-tap: N threads, each with a single-threaded executor and a
//! listener of its own on one port (`SO_REUSEPORT`), so that no request ever wakes another thread.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::thread::JoinHandle;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::address::Loopback;

/// Connections that wait to be accepted, per listener.
const BACKLOG: i32 = 1024;
/// Pause after a failed accept (out of file descriptors): without it the loop would spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// Listeners that share one port, one per worker.
#[derive(Debug)]
pub struct Workers {
    listeners: Vec<TcpListener>,
    address: SocketAddr,
}

impl Workers {
    /// Binds `count` listeners (at least one); port 0 lets the system choose one for all.
    ///
    /// # Errors
    /// What the system says to `bind` or `listen`.
    pub fn bind(listen: Loopback, count: usize) -> io::Result<Self> {
        let first = reuseport_listener(listen.address())?;
        let address = first.local_addr()?;
        let mut listeners = vec![first];
        while listeners.len() < count {
            listeners.push(reuseport_listener(address)?);
        }
        Ok(Self { listeners, address })
    }

    /// Starts the threads. `worker` is called once in each of them and gives what serves a connection there, so that
    /// what it holds (a pool) belongs to one thread.
    ///
    /// # Errors
    /// When a runtime or a thread cannot be made.
    pub fn start<W, C, F>(self, worker: W) -> io::Result<Running>
    where
        W: Fn() -> C + Clone + Send + 'static,
        C: Fn(TcpStream) -> F,
        F: Future<Output = ()> + Send + 'static,
    {
        let (stop, stopped) = watch::channel(());
        let mut threads = Vec::new();
        for listener in self.listeners {
            let (worker, stopped) = (worker.clone(), stopped.clone());
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            threads.push(
                std::thread::Builder::new()
                    .name("worker".to_owned())
                    .spawn(move || runtime.block_on(accept(listener, worker(), stopped)))?,
            );
        }
        Ok(Running { address: self.address, stop: Some(stop), threads })
    }
}

/// Running workers; they end, with all their connections, when this is dropped.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    stop: Option<watch::Sender<()>>,
    threads: Vec<JoinHandle<io::Result<()>>>,
}

impl Running {
    /// Where they listen.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits for the end, which only comes when a listener cannot be used.
    ///
    /// # Errors
    /// What the listener's thread said.
    pub fn wait(mut self) -> io::Result<()> {
        self.threads.drain(..).try_for_each(|thread| {
            thread.join().unwrap_or_else(|_| Err(io::Error::other("a worker thread panicked")))
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop = None;
        for thread in self.threads.drain(..) {
            // A panic in a worker was printed by its thread; there is nobody to hand it to here.
            drop(thread.join());
        }
    }
}

fn reuseport_listener(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

async fn accept<C, F>(
    listener: TcpListener,
    connection: C,
    mut stopped: watch::Receiver<()>,
) -> io::Result<()>
where
    C: Fn(TcpStream) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    let listener = tokio::net::TcpListener::from_std(listener)?;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            // Nothing is ever sent: it changes when the sender is gone.
            _ = stopped.changed() => return Ok(()),
        };
        match accepted {
            Ok((stream, _)) => {
                // Answers are written whole; waiting to fill a segment would only delay them.
                if stream.set_nodelay(true).is_ok() {
                    tokio::spawn(connection(stream));
                }
            }
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}
