//! One request to an upstream, signed, and the whole of its answer.

use std::time::SystemTime;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use shared::adapter::{Adapter, Key, UnfitSecret, Unsigned};
use shared::dial::{Client, DialFailure};
use shared::secret::Secret;

use super::Question;

/// The most bytes of an answer that are read.
pub(super) const MOST_BODY_BYTES: usize = 4 * 1024 * 1024;

/// The whole of an answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum NoAnswer {
    /// It was not asked, since no request can carry the value.
    Unfit,
    /// It was, and did not answer.
    Failed(DialFailure),
}

/// Asks one upstream about one value.
#[derive(Debug)]
pub(super) struct Asker<'q> {
    pub(super) client: Client<Full<Bytes>>,
    pub(super) adapter: &'static dyn Adapter,
    pub(super) question: &'q Question,
    /// The token that was minted from the value, if it signs with one.
    pub(super) token: Option<Secret>,
    pub(super) now: SystemTime,
}

impl Asker<'_> {
    pub(super) async fn get(&self, uri: Uri) -> Result<Answer, NoAnswer> {
        self.ask(Method::GET, uri, Bytes::new()).await
    }

    pub(super) async fn post(&self, uri: Uri, body: Bytes) -> Result<Answer, NoAnswer> {
        self.ask(Method::POST, uri, body).await
    }

    async fn ask(&self, method: Method, uri: Uri, body: Bytes) -> Result<Answer, NoAnswer> {
        let headers = self.headers(&method, &uri, &body).map_err(|UnfitSecret| NoAnswer::Unfit)?;
        let mut request = Request::new(Full::new(body));
        (*request.method_mut(), *request.uri_mut(), *request.headers_mut()) = (method, uri, headers);
        let response = self.client.request(request).await.map_err(|error| NoAnswer::Failed(DialFailure::of(&error)))?;
        let (head, body) = response.into_parts();
        let body = read_body(body).await.map_err(NoAnswer::Failed)?;
        Ok(Answer { status: head.status, headers: head.headers, body })
    }

    /// The provider's own headers, then ours, then the credential, which nothing may change any more.
    fn headers(&self, method: &Method, uri: &Uri, body: &Bytes) -> Result<HeaderMap, UnfitSecret> {
        let mut headers = self.question.request_headers.clone();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("keyplane/", env!("CARGO_PKG_VERSION"))));
        if method == Method::POST {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        self.adapter.complete_headers(&mut headers);
        let Some(value) = &self.question.value else { return Ok(headers) };
        let key = Key { value, token: self.token.as_ref(), additional: self.question.additional_key.as_ref() };
        let body = std::slice::from_ref(body);
        let unsigned = Unsigned { method, uri, headers: &mut headers, body, now: self.now };
        self.adapter.sign(&self.question.place, key, unsigned)?;
        Ok(headers)
    }
}

/// A body that is too large is cut to nothing: no list of models is that long, and the status still counts.
async fn read_body(body: Incoming) -> Result<Bytes, DialFailure> {
    match Limited::new(body, MOST_BODY_BYTES).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => Ok(Bytes::new()),
        Err(_) => Err(DialFailure::Broken),
    }
}
