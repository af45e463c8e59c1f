//! OpenAI's chat completions.

pub(super) mod error;
mod fault;
mod limits;
mod request;
mod response;
mod stream;
pub(super) mod watch;

mod finish;
pub(super) mod json_word;
mod reasoning;
mod said;
pub(super) mod strict;
mod usage;
pub(super) mod user;

use std::borrow::Cow;

use http::HeaderMap;

pub(super) use self::response::is_plain;
use super::error::Given;
use super::{NotAnAnswer, Outgoing, Protocol, Reply, Seed, Target, Unreadable, Unsayable, call_id};
use crate::exchange::feature::Feature;
use crate::exchange::manner::Manner;
use crate::exchange::request::{Loss, Request};
use crate::exchange::response::Response;

/// OpenAI's chat completions.
#[derive(Debug)]
pub(super) struct Chat;

impl Protocol for Chat {
    fn read_request<'a>(&self, body: &'a [u8]) -> Result<Request<'a>, Unreadable> {
        request::read(body)
    }

    fn write_request(&self, request: &Request<'_>, to: &Target<'_>) -> Result<Outgoing, Unsayable> {
        request::write(request, to)
    }

    fn read_response<'a>(&self, body: &'a [u8], seed: &Seed<'_>) -> Result<Response<'a>, NotAnAnswer> {
        response::read(body, seed)
    }

    fn write_response(&self, response: &Response<'_>, reply: &Reply<'_>) -> Result<Vec<u8>, Unsayable> {
        response::write(response, reply)
    }

    fn reader(&self, seed: &Seed<'_>) -> Box<dyn super::Reader> {
        Box::new(stream::Reader::new(seed))
    }

    fn writer(&self, reply: &Reply<'_>) -> Box<dyn super::Writer> {
        Box::new(stream::Writer::new(reply))
    }

    fn read_error(&self, headers: &HeaderMap, body: &[u8]) -> Option<Given> {
        error::given(headers, body)
    }

    fn cannot(&self) -> &'static [(Feature, Loss)] {
        limits::CANNOT
    }

    fn field(&self, feature: Feature) -> Option<&'static str> {
        limits::field(feature)
    }

    fn call_id<'a>(&self, id: &'a str, manner: &Manner) -> Cow<'a, str> {
        call_id::in_chat(id, manner)
    }
}
