//! An upstream that answers exactly the bytes that it was given for a request, and ends as it was told: as HTTP ends, or not.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use shared::task::Tasks;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// How long before the rest of an answer its first bytes come.
const AHEAD: Duration = Duration::from_millis(5);

/// Stands before a script's number in the body of the request that it is for.
pub const MARK: &str = "script:";

/// An answer.
#[derive(Debug, Clone)]
pub struct Script {
    /// The type of its content.
    pub content_type: &'static str,
    /// How many bytes of the body come ahead of the rest, so that the answer has begun when that comes.
    pub lead: usize,
    /// Its body, as far as it comes.
    pub body: Bytes,
    /// How it ends.
    pub ending: Ending,
}

/// How an answer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ending {
    /// As HTTP ends it, whatever the body is worth.
    Clean,
    /// The connection is reset.
    Reset,
}

/// The upstream. It listens until it is dropped.
#[derive(Debug)]
pub struct Cutter {
    address: SocketAddr,
    scripts: Arc<Mutex<HashMap<u32, Script>>>,
    tasks: Tasks,
}

impl Drop for Cutter {
    fn drop(&mut self) {
        self.tasks.stop();
    }
}

impl Cutter {
    /// Starts one without scripts.
    ///
    /// # Errors
    ///
    /// When it can't listen.
    pub async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (scripts, tasks) = (Arc::<Mutex<HashMap<u32, Script>>>::default(), Tasks::new());
        let (address, shared, accepting) = (listener.local_addr()?, Arc::clone(&scripts), tasks.clone());
        tasks.spawn("cutter", async move {
            loop {
                let accepted = tokio::select! {
                    accepted = listener.accept() => accepted,
                    () = accepting.stopping() => return,
                };
                let Ok((stream, _)) = accepted else { continue };
                let scripts = Arc::clone(&shared);
                accepting.spawn("cutter connection", async move {
                    // A connection that breaks is its peer's affair.
                    let _ = serve(stream, &scripts).await;
                });
            }
        });
        Ok(Self { address, scripts, tasks })
    }

    /// Its origin.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Answers requests whose body has this number behind [`MARK`] so.
    pub fn script(&self, number: u32, script: Script) {
        self.scripts.lock().unwrap_or_else(PoisonError::into_inner).insert(number, script);
    }
}

async fn serve(mut stream: TcpStream, scripts: &Mutex<HashMap<u32, Script>>) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let mut received = Vec::new();
    loop {
        let body = request(&mut stream, &mut received).await?;
        let script = scripts.lock().unwrap_or_else(PoisonError::into_inner).get(&number(&body)?).cloned();
        let script = script.context("there is a script of the number")?;
        let head =
            format!("HTTP/1.1 200 OK\r\ncontent-type: {}\r\ntransfer-encoding: chunked\r\n\r\n", script.content_type);
        let mut answer = head.into_bytes();
        let (lead, rest) = script.body.split_at(script.lead.min(script.body.len()));
        add_chunk(&mut answer, lead);
        if !rest.is_empty() {
            stream.write_all(&answer).await?;
            tokio::time::sleep(AHEAD).await;
            answer.clear();
            add_chunk(&mut answer, rest);
        }
        if script.ending == Ending::Clean {
            answer.extend_from_slice(b"0\r\n\r\n");
        }
        stream.write_all(&answer).await?;
        if script.ending == Ending::Reset {
            stream.set_zero_linger()?;
            return Ok(());
        }
    }
}

fn add_chunk(answer: &mut Vec<u8>, data: &[u8]) {
    if !data.is_empty() {
        answer.extend_from_slice(format!("{:x}\r\n", data.len()).as_bytes());
        answer.extend_from_slice(data);
        answer.extend_from_slice(b"\r\n");
    }
}

/// The body of the next request.
async fn request(stream: &mut TcpStream, received: &mut Vec<u8>) -> anyhow::Result<Vec<u8>> {
    loop {
        if let Some(end) = memchr::memmem::find(received, b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&received[..end]).to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
            let whole = end + 4 + length.context("the request says its length")?.trim().parse::<usize>()?;
            if received.len() >= whole {
                let body = received[end + 4..whole].to_vec();
                received.drain(..whole);
                return Ok(body);
            }
        }
        anyhow::ensure!(stream.read_buf(received).await? > 0, "the peer has gone");
    }
}

fn number(body: &[u8]) -> anyhow::Result<u32> {
    let at = memchr::memmem::find(body, MARK.as_bytes()).context("the request names its script")? + MARK.len();
    let digits: Vec<_> = body[at..].iter().copied().take_while(u8::is_ascii_digit).collect();
    Ok(String::from_utf8(digits)?.parse()?)
}
