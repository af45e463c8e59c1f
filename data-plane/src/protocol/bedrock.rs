//! Bedrock's Converse.

mod block;
pub(super) mod error;
mod finish;
pub(super) mod frame;
mod limits;
mod name;
mod request;
mod response;
mod stream;
mod usage;
pub(super) mod watch;

use std::borrow::Cow;

use http::HeaderMap;

use super::error::Given;
use super::{NotAnAnswer, Outgoing, Protocol, Reply, Seed, Target, Unreadable, Unsayable};
use crate::exchange::feature::Feature;
use crate::exchange::manner::Manner;
use crate::exchange::request::{Loss, Request};
use crate::exchange::response::Response;
use crate::json;

/// Bedrock's Converse.
#[derive(Debug)]
pub(super) struct Bedrock;

impl Protocol for Bedrock {
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

    fn call_id<'a>(&self, id: &'a str, _manner: &Manner) -> Cow<'a, str> {
        name::id(id).0
    }
}

/// Whether a whole answer that came as a success is one: a wrong path is answered with 200 and an error document.
///
/// Source: docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html, read in autumn 2026: an answer has an `output`.
pub(super) fn is_answer(body: &[u8]) -> bool {
    json::has_member(body, b"output")
}
