use std::convert::Infallible;

use http_body_util::BodyExt as _;
use shared::adapter::{Delivery, Format, Operation};
use tokio::sync::mpsc;
use tokio::time::{advance, timeout};

use super::*;

/// What an upstream sends, when a test says so.
struct Channel(mpsc::Receiver<Bytes>);

impl Body for Channel {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(cx).map(|next| next.map(|data| Ok(Frame::data(data))))
    }
}

const EVENT: &[u8] = b"data: {}\n\n";
const IDLE: Duration = Duration::from_secs(300);

/// A stream of a format that has begun.
fn stream(format: Format, idle: Duration) -> (mpsc::Sender<Bytes>, Relay<Channel>, Arc<Breaker>) {
    let content_type: &[u8] = match format {
        Format::Bedrock => b"application/vnd.amazon.eventstream",
        Format::OpenAi | Format::Anthropic | Format::Gemini | Format::Cohere => b"text/event-stream",
    };
    let (tx, rx) = mpsc::channel(16);
    let breaker = Arc::<Breaker>::default();
    let relay = Relay {
        upstream: Some(Channel(rx)),
        ready: Bytes::new(),
        watch: Watch::of(format, Operation::Chat, Delivery::Stream, content_type),
        pace: Pace::of_stream(Limits { deadline: Instant::now() + Duration::from_secs(3600), idle }),
        breaker: Some(Arc::clone(&breaker)),
        tally: None,
    };
    (tx, relay.begun(), breaker)
}

async fn next(relay: &mut Relay<Channel>) -> Bytes {
    relay.frame().await.unwrap().unwrap().into_data().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_hears_nothing_is_told_that_there_is_more() {
    for (format, sign) in [
        (Format::OpenAi, ": keep-alive\n\n"),
        (Format::Gemini, "\n"),
        (Format::Anthropic, "event: ping\ndata: {\"type\": \"ping\"}\n\n"),
    ] {
        let (tx, mut relay, _) = stream(format, IDLE);
        tx.send(EVENT.into()).await.unwrap();
        assert_eq!(next(&mut relay).await, EVENT);
        for _ in 0..3 {
            let began = Instant::now();
            assert_eq!(next(&mut relay).await, sign);
            assert!((10..=15).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
        }
        tx.send(EVENT.into()).await.unwrap();
        assert_eq!(next(&mut relay).await, EVENT);
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_hears_something_is_told_nothing_else() {
    let (tx, mut relay, _) = stream(Format::OpenAi, IDLE);
    for _ in 0..20 {
        let sent = async {
            tokio::time::sleep(Duration::from_secs(9)).await;
            tx.send(EVENT.into()).await.unwrap();
        };
        assert_eq!(tokio::join!(next(&mut relay), sent).0, EVENT);
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_said_within_an_event_nor_after_the_end_nor_to_bedrocks_callers() {
    for (format, begun) in [
        (Format::OpenAi, &b"data: {}\n"[..]),
        (Format::OpenAi, b"data: {}\n\nid: 5\n"),
        (Format::OpenAi, b"data: {\"choices\":[{\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n"),
        (Format::Bedrock, b""),
    ] {
        let (tx, mut relay, _) = stream(format, IDLE);
        tx.send(begun.into()).await.unwrap();
        if !begun.is_empty() {
            assert_eq!(next(&mut relay).await, begun);
        }
        let waited = timeout(Duration::from_secs(200), relay.frame()).await;
        assert!(waited.is_err(), "{format:?} {waited:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn telling_the_caller_is_no_sign_of_life_of_the_upstream() {
    let (tx, mut relay, breaker) = stream(Format::OpenAi, Duration::from_secs(60));
    tx.send(EVENT.into()).await.unwrap();
    next(&mut relay).await;
    let began = Instant::now();
    let mut given = Vec::new();
    while let Some(frame) = relay.frame().await {
        given.extend_from_slice(&frame.unwrap().into_data().unwrap());
    }
    let given = String::from_utf8(given).unwrap();
    assert!((60..=70).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    assert!(given.starts_with(": keep-alive\n\n") && given.contains("took too long"), "{given}");
    assert_ne!(format!("{breaker:?}"), format!("{:?}", Breaker::default()));
}

#[tokio::test(start_paused = true)]
async fn an_upstream_that_gives_up_on_a_slow_caller_is_not_to_blame() {
    for (pause, is_blamed) in [(60, false), (0, true)] {
        let (tx, mut relay, breaker) = stream(Format::OpenAi, IDLE);
        assert!(timeout(Duration::from_secs(1), relay.frame()).await.is_err());
        tx.send(EVENT.into()).await.unwrap();
        next(&mut relay).await;
        advance(Duration::from_secs(pause)).await;
        drop(tx);
        assert!(String::from_utf8_lossy(&next(&mut relay).await).contains("upstream_error"));
        let is_untouched = format!("{breaker:?}") == format!("{:?}", Breaker::default());
        assert_eq!(is_untouched, !is_blamed);
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_within_a_stream_is_the_targets_only_if_its_words_blame_the_upstream() {
    for (error, is_blamed) in [
        (r#"{"type":"invalid_request_error","code":"context_length_exceeded"}"#, false),
        (r#"{"type":"tokens","code":"rate_limit_exceeded"}"#, false),
        (r#"{"type":"server_error","code":null}"#, true),
    ] {
        let (tx, mut relay, breaker) = stream(Format::OpenAi, IDLE);
        tx.send(EVENT.into()).await.unwrap();
        next(&mut relay).await;
        tx.send(format!("data: {{\"error\":{error}}}\n\n").into()).await.unwrap();
        assert!(String::from_utf8_lossy(&next(&mut relay).await).contains("\"error\""));
        let is_untouched = format!("{breaker:?}") == format!("{:?}", Breaker::default());
        assert_eq!(is_untouched, !is_blamed, "{error}");
    }
}
