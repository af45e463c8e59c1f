//! The gRPC service on the sync listener, by hand: the generated one would encode each frame once for every stream, and could not ask for a
//! client certificate per method.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::SystemTime;

use futures_util::future::BoxFuture;
use http_body_util::StreamBody;
use proto::sync::v1;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use tonic::body::Body;
use tonic::server::{Grpc, NamedService};
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::{ProstCodec, ProstDecoder};
use tower::{Service, service_fn};

use super::ca::ProxyIdentity;
use super::refusal::Refusal;
use super::tls::Peer;
use super::{Shared, report, stream};

/// The largest frame or batch that a proxy may send. A hello of a thousand environments fits.
const MAX_MESSAGE_BYTES: usize = 1024 * 1024;

/// `keyplane.sync.v1.SyncService`.
#[derive(Debug, Clone)]
pub struct SyncServer {
    shared: Arc<Shared>,
}

impl SyncServer {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }
}

impl NamedService for SyncServer {
    const NAME: &'static str = "keyplane.sync.v1.SyncService";
}

impl Service<http::Request<Body>> for SyncServer {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            let method = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
            let response = match method.as_str() {
                "Enroll" => enroll(shared, request).await,
                "Renew" => renew(shared, request).await,
                "Sync" => sync(shared, request),
                "Report" => report(shared, request).await,
                _ => Status::unimplemented("no such method").into_http(),
            };
            Ok(response)
        })
    }
}

async fn enroll(shared: Arc<Shared>, request: http::Request<Body>) -> http::Response<Body> {
    let method = service_fn(move |request: Request<v1::EnrollRequest>| {
        let shared = Arc::clone(&shared);
        async move {
            shared.admit()?;
            let enrolled = shared.enroller.enroll(request.into_inner(), SystemTime::now()).await?;
            Ok::<_, Status>(Response::new(enrolled))
        }
    });
    grpc(ProstCodec::default()).unary(method, request).await
}

async fn renew(shared: Arc<Shared>, request: http::Request<Body>) -> http::Response<Body> {
    let identity = match identity(&request) {
        Ok((_, identity)) => identity,
        Err(refusal) => return Status::from(refusal).into_http(),
    };
    let method = service_fn(move |request: Request<v1::RenewRequest>| {
        let renewed = shared.enroller.renew(&identity, &request.into_inner().csr, SystemTime::now());
        async move { renewed.map(Response::new).map_err(Status::from) }
    });
    grpc(ProstCodec::default()).unary(method, request).await
}

/// Frames go to HTTP/2 as they were encoded, without a codec between.
fn sync(shared: Arc<Shared>, request: http::Request<Body>) -> http::Response<Body> {
    let admitted = identity(&request).and_then(|(peer, identity)| {
        enrolled(&shared, &identity)?;
        shared.admit()?;
        Ok((peer, identity))
    });
    let (peer, identity) = match admitted {
        Ok(admitted) => admitted,
        Err(refusal) => return Status::from(refusal).into_http(),
    };
    let decoder = ProstDecoder::<v1::ProxyFrame>::default();
    let frames = Streaming::new_request(decoder, request.into_body(), None, Some(MAX_MESSAGE_BYTES));
    let (out, parts) = mpsc::channel(stream::HANDED_OVER);
    let serving = stream::serve(Arc::clone(&shared), peer, identity, frames, out);
    shared.tasks.spawn("sync_stream", serving);
    let mut response = http::Response::new(Body::new(StreamBody::new(ReceiverStream::new(parts))));
    response.headers_mut().insert(http::header::CONTENT_TYPE, tonic::metadata::GRPC_CONTENT_TYPE);
    response
}

async fn report(shared: Arc<Shared>, request: http::Request<Body>) -> http::Response<Body> {
    let identity = identity(&request).and_then(|(peer, identity)| {
        enrolled(&shared, &identity)?;
        Ok((peer.expires, identity))
    });
    let (expires, identity) = match identity {
        Ok(identity) => identity,
        Err(refusal) => return Status::from(refusal).into_http(),
    };
    let method = service_fn(move |request: Request<Streaming<v1::Batch>>| {
        let (acks, answers) = mpsc::channel(report::ACKS);
        let taking = report::take(Arc::clone(&shared), identity.clone(), expires, request.into_inner(), acks);
        shared.tasks.spawn("sync_report", taking);
        async move { Ok::<_, Status>(Response::new(ReceiverStream::new(answers))) }
    });
    grpc(ProstCodec::default()).streaming(method, request).await
}

fn grpc<T>(codec: T) -> Grpc<T>
where
    T: tonic::codec::Codec,
{
    Grpc::new(codec).apply_max_message_size_config(Some(MAX_MESSAGE_BYTES), None)
}

/// Who is at the other end, by the certificate of the connection.
fn identity(request: &http::Request<Body>) -> Result<(Peer, ProxyIdentity), Refusal> {
    let peer = request.extensions().get::<Peer>().ok_or(Refusal::NoCertificate)?;
    let identity = peer.identity.clone().ok_or(Refusal::NoCertificate)?;
    if peer.expires <= Instant::now() {
        return Err(Refusal::CertificateExpired);
    }
    Ok((peer.clone(), identity))
}

/// Whether the proxy is enrolled still, and by this enrollment.
fn enrolled(shared: &Shared, identity: &ProxyIdentity) -> Result<(), Refusal> {
    if !shared.views.load().proxies.contains_key(&identity.name) {
        return Err(Refusal::NotEnrolled { proxy: identity.name.to_string() });
    }
    shared.fleet.check(identity)
}
