//! Which of OpenAI's two ways a conversation is written in that came in neither, for an upstream that has both.

use super::{Dialect, limits};
use crate::exchange::manner::Manner;
use crate::exchange::reasoning::Amount;
use crate::exchange::request::Request;

/// Responses in the place of chat, if the model refuses there what is asked for: tools, and thought, for which some need not be asked. But where responses
/// lack something else that is asked for, the thought is what means least.
pub(crate) fn better(request: &Request<'_>, from: Dialect, to: Dialect, manner: &Manner) -> Dialect {
    let asked = request.reasoning.as_ref().and_then(|reasoning| reasoning.amount.as_ref());
    let may_think = match asked {
        Some(Amount::Off) => false,
        Some(Amount::Adaptive | Amount::Effort(_) | Amount::Budget(_)) => true,
        None => !manner.sampling_unthinking,
    };
    let is_refused = to == Dialect::Chat && manner.tools_unthinking && !request.tools.is_empty() && may_think;
    match is_refused && limits::check(request, from, Dialect::Responses).is_ok() {
        true => Dialect::Responses,
        false => to,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::manner::UNKNOWN;
    use crate::protocol::Dialect::{Anthropic, Chat, Responses};

    #[test]
    fn tools_and_thought_go_where_both_are_taken() {
        let refuses = &Manner { tools_unthinking: true, ..UNKNOWN.clone() };
        let tool = r#""tools": [{"name": "f", "input_schema": {"type": "object"}}]"#;
        let less = r#""thinking": {"type": "disabled"}"#;
        let unthinking = &Manner { sampling_unthinking: true, ..refuses.clone() };
        let more_thought = r#""thinking": {"type": "enabled", "budget_tokens": 1024}"#;
        for (more, manner, to, expected) in [
            (tool.to_owned(), refuses, Chat, Responses),
            (tool.to_owned(), &UNKNOWN, Chat, Chat),
            (tool.to_owned(), unthinking, Chat, Chat),
            (format!("{tool}, {more_thought}"), unthinking, Chat, Responses),
            (tool.to_owned(), refuses, Anthropic, Anthropic),
            (r#""metadata": {}"#.to_owned(), refuses, Chat, Chat),
            (format!("{tool}, {less}"), refuses, Chat, Chat),
            (format!(r#"{tool}, "stop_sequences": ["x"]"#), refuses, Chat, Chat),
        ] {
            let body = format!(r#"{{"max_tokens": 9, "messages": [{{"role": "user", "content": "a"}}], {more}}}"#);
            let request = Anthropic.protocol().read_request(body.as_bytes()).unwrap();
            assert_eq!(better(&request, Anthropic, to, manner), expected, "{body}");
        }
    }
}
