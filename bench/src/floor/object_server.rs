//! A bare object server: bytes from a socket into a file that is fsynced with its folder, and back. One client.

use std::fs::File;
use std::io::{Read, Write, copy};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};

const PUT: u64 = 1;
const GET: u64 = 2;
/// Bytes that are handed on at once.
const PIECE: usize = 64 << 10;

/// A client of a server of its own; the server's thread ends with it.
pub(crate) struct Client {
    socket: TcpStream,
    piece: Vec<u8>,
}

impl Client {
    pub(crate) fn connect(folder: &Path) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").context("listening for objects")?;
        let address = listener.local_addr().context("reading the address")?;
        let folder = folder.to_owned();
        std::thread::spawn(move || {
            // The client sees a broken connection, and says so.
            let _client_is_gone = listener.accept().and_then(|(socket, _)| serve(socket, &folder));
        });
        let socket = TcpStream::connect(address).context("connecting to the bare server")?;
        socket.set_nodelay(true).context("setting up the connection")?;
        Ok(Self { socket, piece: vec![7; PIECE] })
    }

    /// Sends `bytes` bytes; they are on disk when it returns.
    pub(crate) fn put(&mut self, number: u64, bytes: usize) -> anyhow::Result<()> {
        self.ask([PUT, number, bytes as u64])?;
        let mut left = bytes;
        while left > 0 {
            let length = left.min(PIECE);
            self.socket.write_all(&self.piece[..length]).context("sending an object")?;
            left -= length;
        }
        let written = read_number(&mut self.socket).context("waiting for the disk")?;
        ensure!(written == bytes as u64, "{written} bytes were written of {bytes}");
        Ok(())
    }

    /// Reads an object to its end.
    pub(crate) fn get(&mut self, number: u64) -> anyhow::Result<()> {
        self.ask([GET, number, 0])?;
        let mut left = read_number(&mut self.socket).context("asking for an object")?;
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
            let read = self.socket.read(&mut self.piece[..most]).context("reading an object")?;
            ensure!(read > 0, "the bare server went away");
            left -= read as u64;
        }
        Ok(())
    }

    fn ask(&mut self, words: [u64; 3]) -> anyhow::Result<()> {
        let head: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.socket.write_all(&head).context("asking the bare server")
    }
}

fn serve(mut socket: TcpStream, folder: &Path) -> std::io::Result<()> {
    socket.set_nodelay(true)?;
    loop {
        let (verb, number, bytes) =
            (read_number(&mut socket)?, read_number(&mut socket)?, read_number(&mut socket)?);
        let path: PathBuf = folder.join(number.to_string());
        if verb == PUT {
            let mut file = File::create(path)?;
            let written = copy(&mut Read::by_ref(&mut socket).take(bytes), &mut file)?;
            file.sync_all()?;
            File::open(folder)?.sync_all()?;
            socket.write_all(&written.to_le_bytes())?;
        } else {
            let mut file = File::open(path)?;
            socket.write_all(&file.metadata()?.len().to_le_bytes())?;
            copy(&mut file, &mut socket)?;
        }
    }
}

fn read_number(socket: &mut TcpStream) -> std::io::Result<u64> {
    let mut bytes = [0; 8];
    socket.read_exact(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}
