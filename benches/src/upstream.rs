//! The stand-in for a provider: it takes any key and answers at once, so that the figures are the planes' own.

use std::convert::Infallible;
use std::net::SocketAddr;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use shared::task::Tasks;
use tokio::net::TcpListener;

use crate::preload::UPSTREAM_MODEL;

/// Answers until the process ends.
pub(crate) async fn serve(listen: SocketAddr) -> anyhow::Result<()> {
    let listener = TcpListener::bind(listen).await?;
    let tasks = Tasks::new();
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tasks.spawn("connection", async move {
            // A proxy that goes away is no error of the stand-in's.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer)).await;
        });
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let body = if request.method() == Method::GET {
        format!(r#"{{"object":"list","data":[{{"id":"{UPSTREAM_MODEL}","object":"model"}}]}}"#)
    } else {
        // Read to its end, so that the connection can be used again; one that breaks off has nobody to answer.
        let _ = request.into_body().collect().await;
        let choice = r#"{"index":0,"message":{"role":"assistant","content":"hello"},"finish_reason":"stop"}"#;
        format!(
            r#"{{"id":"1","object":"chat.completion","created":1,"model":"{UPSTREAM_MODEL}","choices":[{choice}]}}"#
        )
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}
