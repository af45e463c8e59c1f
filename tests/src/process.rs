//! One of the real processes: started from the workspace's binaries, its log in a file, ended by a signal.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

use anyhow::{Context as _, ensure};
use rustix::process::{Pid, Signal};

use crate::condition::eventually;

/// A running process. It is killed when it is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts a binary of the workspace with these flags and an empty environment; its output is added to the log.
    ///
    /// # Errors
    ///
    /// When the binary was not built, or can't be started.
    pub fn start(binary: &str, flags: &[String], log: &Path) -> anyhow::Result<Self> {
        let path = binary_path(binary)?;
        let output = File::options().create(true).append(true).open(log)?;
        let child = Command::new(&path)
            .args(flags)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("{} starts", path.display()))?;
        Ok(Self { child, log: log.to_owned() })
    }

    /// Everything that it and its predecessors wrote.
    ///
    /// # Errors
    ///
    /// When the log can't be read.
    pub fn log(&self) -> anyhow::Result<String> {
        Ok(String::from_utf8_lossy(&std::fs::read(&self.log)?).into_owned())
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended.
    ///
    /// # Errors
    ///
    /// When the operating system doesn't say.
    pub fn has_ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// `kill -9`: it gets no chance to do anything.
    ///
    /// # Errors
    ///
    /// When it can't be killed.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Sends SIGTERM.
    ///
    /// # Errors
    ///
    /// When it can't be sent.
    pub fn ask_to_stop(&self) -> anyhow::Result<()> {
        Ok(rustix::process::kill_process(Pid::from_child(&self.child), Signal::TERM)?)
    }

    /// Waits until it has ended.
    ///
    /// # Errors
    ///
    /// When it doesn't.
    pub async fn ended(&mut self) -> anyhow::Result<ExitStatus> {
        eventually("the process ends", async || self.child.try_wait().ok().flatten()).await
    }

    /// How much memory it has in use, in bytes.
    ///
    /// # Errors
    ///
    /// When the operating system doesn't say.
    pub fn resident_bytes(&self) -> anyhow::Result<u64> {
        let statm = std::fs::read_to_string(format!("/proc/{}/statm", self.child.id()))?;
        let pages: u64 = statm.split_whitespace().nth(1).context("statm has a second field")?.parse()?;
        Ok(pages * 4096)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where a binary of the workspace is: beside the folder of the tests' own.
///
/// # Errors
///
/// When it was not built.
pub fn binary_path(binary: &str) -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let folder = own.parent().and_then(Path::parent).context("the tests run from the target folder")?;
    let path = folder.join(binary);
    ensure!(path.exists(), "{} is not there: build it first, `cargo build --workspace --bins`", path.display());
    Ok(path)
}

/// The repository.
#[must_use]
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A port on loopback that nobody else will get: below those that the operating system hands out, so that it stays free while a process
/// restarts.
///
/// # Errors
///
/// When there is none.
pub fn free_port() -> anyhow::Result<u16> {
    const FIRST: u16 = 12_000;
    const COUNT: u16 = 20_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Another run of the tests beside this one begins elsewhere.
    let _ = NEXT.compare_exchange(0, 1 + random_start(COUNT), Ordering::Relaxed, Ordering::Relaxed);
    (0..COUNT)
        .map(|_| FIRST + NEXT.fetch_add(1, Ordering::Relaxed) % COUNT)
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .context("a port is free")
}

fn random_start(bound: u16) -> u16 {
    u16::try_from(shared::id::random_below(u64::from(bound))).unwrap_or_default()
}
