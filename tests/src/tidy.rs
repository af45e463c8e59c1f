//! The conventions, as tests: what a reviewer would forget.

mod code;
mod map;
mod protos;
