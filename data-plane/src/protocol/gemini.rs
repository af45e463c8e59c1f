//! Gemini's generateContent, which Vertex AI speaks too.
//!
//! ```text
//! request   a caller's request is read          write          an upstream's is written
//! response  an upstream's answer is read        reply          a caller's is written
//! stream    an upstream's stream is read        reply_stream   a caller's is written
//! ```

mod request;
mod schema;
mod write;

mod response;
mod stream;

mod reply;
mod reply_stream;

pub(super) mod error;
mod limits;
pub(super) mod watch;

mod answer;
mod part;

use std::borrow::Cow;

use http::HeaderMap;

use super::error::Given;
use super::{NotAnAnswer, Outgoing, Protocol, Reply, Seed, Target, Unreadable, Unsayable};
use crate::exchange::feature::Feature;
use crate::exchange::manner::Manner;
use crate::exchange::request::{Loss, Request};
use crate::exchange::response::Response;

/// Gemini's generateContent, which Vertex AI speaks too.
#[derive(Debug)]
pub(super) struct Gemini;

impl Protocol for Gemini {
    fn read_request<'a>(&self, body: &'a [u8]) -> Result<Request<'a>, Unreadable> {
        request::read(body)
    }

    fn write_request(&self, request: &Request<'_>, to: &Target<'_>) -> Result<Outgoing, Unsayable> {
        write::request(request, to)
    }

    fn read_response<'a>(&self, body: &'a [u8], seed: &Seed<'_>) -> Result<Response<'a>, NotAnAnswer> {
        response::read(body, seed)
    }

    fn write_response(&self, response: &Response<'_>, reply: &Reply<'_>) -> Result<Vec<u8>, Unsayable> {
        Ok(reply::written(response, reply))
    }

    fn reader(&self, seed: &Seed<'_>) -> Box<dyn super::Reader> {
        Box::new(stream::Reader::new(seed))
    }

    fn writer(&self, reply: &Reply<'_>) -> Box<dyn super::Writer> {
        Box::new(reply_stream::Writer::new(reply))
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
        id.into()
    }
}
