//! Asks the wizard's questions of a person.

use std::io::{self, BufRead as _, Write as _};
use std::path::Path;

use proto::admin::v1::{ConnectProviderRequest, TestConnectionRequest, TestConnectionResponse};

use super::super::provider::test;
use super::question::{EMPTY, Form, Part};
use super::summary;
use super::wizard::{Answer, Ask, Next, Wizard};
use crate::error::Error;
use crate::input;

/// What a person types to go back.
const BACK: &str = "<";

/// Somebody who reads and types.
pub(super) trait Person {
    /// Tells something.
    fn tell(&mut self, text: &str) -> Result<(), Error>;

    /// What is typed after a prompt; `None` at the end of the input.
    fn line(&mut self, prompt: &str) -> Result<Option<String>, Error>;

    /// The same, and nobody sees it.
    fn hidden(&mut self, prompt: &str) -> Result<Option<String>, Error>;
}

/// Whoever sits at the terminal. Answers go to the standard output, so questions go to the error stream.
#[derive(Debug)]
pub(super) struct Terminal;

impl Person for Terminal {
    fn tell(&mut self, text: &str) -> Result<(), Error> {
        writeln!(io::stderr(), "{text}").map_err(|source| Error::Terminal { source })
    }

    fn line(&mut self, prompt: &str) -> Result<Option<String>, Error> {
        let mut line = String::new();
        let asked = write!(io::stderr(), "{prompt}: ").and_then(|()| io::stderr().flush());
        let read = asked.and_then(|()| io::stdin().lock().read_line(&mut line));
        if read.map_err(|source| Error::Terminal { source })? == 0 {
            // The prompt's line is not ended yet.
            self.tell("")?;
            return Ok(None);
        }
        Ok(Some(line))
    }

    fn hidden(&mut self, prompt: &str) -> Result<Option<String>, Error> {
        input::ask_secret(prompt)?.map(|typed| input::text(&typed)).transpose()
    }
}

/// Goes through all questions; `None` if the person leaves.
///
/// # Errors
///
/// When the terminal can't be read or written.
pub(super) async fn walk(
    mut wizard: Wizard,
    person: &mut impl Person,
    test: impl AsyncFn(TestConnectionRequest) -> Result<TestConnectionResponse, Error>,
) -> Result<Option<ConnectProviderRequest>, Error> {
    person.tell(&format!(
        "An empty answer keeps what is in brackets, {EMPTY} empties what may be empty, {BACK} goes back."
    ))?;
    let mut opened = None;
    loop {
        let answer = match wizard.next() {
            Next::Connect(request) => return Ok(Some(*request)),
            Next::Test(request) => {
                person.tell("asking the provider …")?;
                match test(*request).await {
                    Ok(found) => {
                        person.tell(&test::told(&found))?;
                        wizard.tested(found);
                    }
                    Err(error) => {
                        person.tell(error.text().trim_end())?;
                        wizard.not_tested();
                    }
                }
                continue;
            }
            Next::Review(request) => {
                person.tell(&format!("\n{}", summary::of(&request, wizard.found())))?;
                person.line("Connect it? yes or no")?
            }
            Next::Ask(ask) => {
                if opened != Some(ask.part) {
                    opened = Some(ask.part);
                    let number = 1 + Part::ALL.iter().take_while(|part| **part != ask.part).count();
                    person.tell(&format!("\n{number} of {}: {}", Part::ALL.len(), ask.part.title()))?;
                }
                put(person, &ask)?
            }
        };
        let Some(typed) = answer else { return Ok(None) };
        let answer = if typed.trim() == BACK { Answer::Back } else { Answer::Text(typed) };
        if let Err(why_not) = wizard.answer(&answer) {
            person.tell(&format!("  {why_not}"))?;
        }
    }
}

fn put(person: &mut impl Person, ask: &Ask) -> Result<Option<String>, Error> {
    // What is typed stands below a list, not behind its last line.
    let text = if ask.text.contains('\n') { format!("{}\n ", ask.text) } else { ask.text.clone() };
    let prompt = if ask.known.is_empty() { text } else { format!("{text} [{}]", ask.known) };
    match ask.form {
        Form::Line => person.line(&prompt),
        Form::Hidden => person.hidden(&prompt),
        Form::File => loop {
            let Some(typed) = person.line(&prompt)? else { return Ok(None) };
            if matches!(typed.trim(), "" | BACK) {
                return Ok(Some(typed));
            }
            match input::secret(Path::new(typed.trim())).and_then(|secret| input::text(&secret)) {
                Ok(content) => return Ok(Some(content)),
                Err(error) => person.tell(error.text().trim_end())?,
            }
        },
    }
}

#[cfg(test)]
mod tests;
