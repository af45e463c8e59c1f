//! The memory of a running process, searched and damaged through `/proc` as a fault of the hardware would.
//!
//! Needs the right to trace the process. The planes make themselves undumpable, after which only root has it.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;

use anyhow::Context as _;
use memchr::memmem;

/// The longest piece that is read at once.
const PIECE_BYTES: u64 = 8 * 1024 * 1024;

/// A process's memory.
#[derive(Debug)]
pub struct Memory {
    maps: PathBuf,
    memory: File,
}

impl Memory {
    /// Opens it.
    ///
    /// # Errors
    ///
    /// When this user may not: only root may, for a process that protects itself.
    pub fn of(pid: u32) -> anyhow::Result<Self> {
        let path = PathBuf::from(format!("/proc/{pid}/mem"));
        let opened = File::options().read(true).write(true).open(&path);
        let memory = opened.with_context(|| {
            format!(
                "{} can't be opened: the process is undumpable, so that only root may change its memory; run the tests as root, \
                 as a container does",
                path.display()
            )
        })?;
        Ok(Self { maps: PathBuf::from(format!("/proc/{pid}/maps")), memory })
    }

    /// Where some bytes are in memory that the process may write to.
    ///
    /// # Errors
    ///
    /// When the process is gone.
    pub fn find(&self, needle: &[u8]) -> anyhow::Result<Vec<u64>> {
        let maps = std::fs::read_to_string(&self.maps).context("the process has a memory map")?;
        let mut found = Vec::new();
        for (start, end) in maps.lines().filter_map(writable) {
            self.find_in(start, end, needle, &mut found);
        }
        Ok(found)
    }

    fn find_in(&self, start: u64, end: u64, needle: &[u8], found: &mut Vec<u64>) {
        let overlap = needle.len() as u64 - 1;
        let mut at = start;
        while at < end {
            let length = (end - at).min(PIECE_BYTES);
            let mut piece = vec![0; usize::try_from(length).unwrap_or_default()];
            // What was unmapped meanwhile, or belongs to the kernel, is not the process's state.
            if self.memory.read_exact_at(&mut piece, at).is_ok() {
                found.extend(memmem::find_iter(&piece, needle).map(|offset| at + offset as u64));
            }
            if length <= overlap || at + length == end {
                return;
            }
            at += length - overlap;
        }
    }

    /// Flips the lowest bit of the byte at an address.
    ///
    /// # Errors
    ///
    /// When it is not mapped any more.
    pub fn flip(&self, address: u64) -> anyhow::Result<()> {
        let mut byte = [0];
        self.memory.read_exact_at(&mut byte, address)?;
        self.memory.write_all_at(&[byte[0] ^ 1], address)?;
        Ok(())
    }
}

/// A line's range, if the process may write there.
fn writable(line: &str) -> Option<(u64, u64)> {
    let mut words = line.split_whitespace();
    let (start, end) = words.next()?.split_once('-')?;
    words.next()?.starts_with("rw").then_some(())?;
    Some((u64::from_str_radix(start, 16).ok()?, u64::from_str_radix(end, 16).ok()?))
}
