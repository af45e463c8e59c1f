//! A line that the terminal does not show while it is typed.
//!
//! Ctrl-C ends the line instead of the process: a process that ends there leaves a terminal behind that shows nothing any more.

use std::io::{self, BufRead};
use std::os::fd::AsFd;

use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};
use shared::secret::Secret;

/// What a terminal sends for Ctrl-C.
const INTERRUPT: u8 = 3;

/// What was typed.
#[derive(Debug)]
pub(super) enum Typed {
    /// A line, without its end.
    Line(Secret),
    /// Ctrl-C.
    Interrupt,
    /// The end of the input.
    End,
}

/// Reads a line from a terminal. However that ends, the terminal is as it was.
///
/// # Errors
///
/// When it is no terminal, or can't be read.
pub(super) fn line(terminal: impl AsFd, reader: &mut impl BufRead) -> io::Result<Typed> {
    let _restored = Unshown::new(terminal)?;
    let mut bytes = Vec::new();
    loop {
        let Some(byte) = reader.fill_buf()?.first().copied() else {
            return Ok(if bytes.is_empty() { Typed::End } else { Typed::Line(Secret::new(bytes)) });
        };
        reader.consume(1);
        match byte {
            INTERRUPT => return Ok(Typed::Interrupt),
            b'\n' => return Ok(Typed::Line(Secret::new(bytes))),
            byte => bytes.push(byte),
        }
    }
}

/// A terminal that shows nothing but ends of lines, until it is dropped.
struct Unshown<T: AsFd> {
    terminal: T,
    before: Termios,
}

impl<T: AsFd> Unshown<T> {
    fn new(terminal: T) -> io::Result<Self> {
        let before = tcgetattr(&terminal)?;
        let mut unshown = before.clone();
        unshown.local_modes.remove(LocalModes::ECHO | LocalModes::ISIG);
        unshown.local_modes.insert(LocalModes::ECHONL | LocalModes::ICANON);
        // Without signals it is a byte like any other, which has to end the line to be read at once.
        unshown.special_codes[SpecialCodeIndex::VEOL] = INTERRUPT;
        tcsetattr(&terminal, OptionalActions::Now, &unshown)?;
        Ok(Self { terminal, before })
    }
}

impl<T: AsFd> Drop for Unshown<T> {
    fn drop(&mut self) {
        // Nothing more can be done for a terminal that has gone away.
        let _ = tcsetattr(&self.terminal, OptionalActions::Now, &self.before);
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{File, OpenOptions};
    use std::io::{BufReader, Write as _};
    use std::os::fd::OwnedFd;

    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

    use super::*;

    /// A keyboard, and the terminal that it types into.
    fn terminal() -> (File, File) {
        let keyboard: OwnedFd = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&keyboard).unwrap();
        unlockpt(&keyboard).unwrap();
        let path = ptsname(&keyboard, Vec::new()).unwrap().into_string().unwrap();
        (File::from(keyboard), OpenOptions::new().read(true).write(true).open(path).unwrap())
    }

    fn typed(keys: &[u8]) -> (Typed, bool) {
        let (mut keyboard, terminal) = terminal();
        let mut reader = BufReader::new(terminal.try_clone().unwrap());
        // The keys wait until the terminal is as it should be: before that it would end the line otherwise.
        let (typed, keys) = (terminal.try_clone().unwrap(), keys.to_vec());
        let typist = std::thread::spawn(move || {
            while tcgetattr(&typed).unwrap().local_modes.contains(LocalModes::ECHO) {
                std::thread::yield_now();
            }
            keyboard.write_all(&keys).unwrap();
            keyboard
        });
        let typed = line(&terminal, &mut reader).unwrap();
        let _keyboard = typist.join().unwrap();
        let modes = tcgetattr(&terminal).unwrap().local_modes;
        (typed, modes.contains(LocalModes::ECHO | LocalModes::ISIG) && !modes.contains(LocalModes::ECHONL))
    }

    #[test]
    fn the_terminal_shows_again_what_is_typed_however_the_line_ended() {
        for keys in [&b"sk-1\n"[..], b"\x03", b"sk-1\x03", b"\x04"] {
            assert!(typed(keys).1, "{keys:?}");
        }
    }

    #[test]
    fn a_line_an_interrupt_and_the_end_are_told_apart() {
        assert!(matches!(typed(b"sk-1\nmore").0, Typed::Line(line) if line.expose() == b"sk-1"));
        assert!(matches!(typed(b"sk-\x7f1\n").0, Typed::Line(line) if line.expose() == b"sk1"), "it can be corrected");
        assert!(matches!(typed(b"half a key\x03").0, Typed::Interrupt));
        assert!(matches!(typed(b"\x04").0, Typed::End));
    }
}
