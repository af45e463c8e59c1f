//! What each format's upstreams and callers say, by the providers' own references (read in autumn 2026).

use bytes::Bytes;
use shared::adapter::AdapterKind;

use super::own;
use crate::upstream::Reply;

/// One format.
pub(crate) struct Case {
    pub(crate) adapter: AdapterKind,
    /// The header that its clients put a key into, with what stands before the key.
    pub(crate) key: (&'static str, &'static str),
    /// Routes for the model `m`.
    pub(crate) path: &'static str,
    pub(crate) stream_path: &'static str,
    /// Where the upstream is asked, for `upstream-model`.
    pub(crate) upstream_path: &'static str,
    pub(crate) upstream_stream_path: &'static str,
    pub(crate) body: &'static str,
    pub(crate) stream_body: &'static str,
    /// Members that a body may have, with `$` for any value.
    pub(crate) own: &'static [&'static str],
    pub(crate) answer: &'static str,
    pub(crate) content_type: &'static str,
    pub(crate) event: Bytes,
    pub(crate) end: Bytes,
    pub(crate) error: Bytes,
    /// What a caller's stream ends with, if it failed, after the events.
    pub(crate) failed: &'static str,
    /// What only a good end holds.
    pub(crate) good_end: &'static str,
    pub(crate) bad_key: (u16, &'static [(&'static str, &'static str)], &'static str),
    /// A fault of the caller's, with a secret in its text.
    pub(crate) fault: (u16, &'static [(&'static str, &'static str)], &'static str),
    pub(crate) no_model: (u16, &'static [(&'static str, &'static str)], &'static str),
}

impl Case {
    pub(crate) fn reply(answer: (u16, &'static [(&'static str, &'static str)], &'static str)) -> Reply {
        Reply::Json(answer.0, answer.1, answer.2.into())
    }

    pub(crate) fn key(&self, key: &str) -> (&'static str, String) {
        (self.key.0, format!("{}{key}", self.key.1))
    }
}

pub(crate) fn cases() -> [Case; 6] {
    [chat(), responses(), anthropic(), gemini(), bedrock(), cohere()]
}

fn chat() -> Case {
    Case {
        path: "/v1/chat/completions",
        stream_path: "/v1/chat/completions",
        upstream_path: "/chat/completions",
        upstream_stream_path: "/chat/completions",
        body: r#"{"model": "m", "messages" : [], "x":1e3}"#,
        stream_body: r#"{"model": "m", "messages" : [], "stream":true}"#,
        own: own::CHAT,
        answer: r#"{"id":"chatcmpl-1", "object":"chat.completion"}"#,
        event: "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"}}]}\n\n".into(),
        end: "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n".into(),
        error: "data: {\"error\":{\"message\":\"no\",\"type\":\"server_error\",\"param\":null,\"code\":null}}\n\n"
            .into(),
        failed: "data: {\"error\":{\"message\":",
        good_end: "[DONE]",
        ..responses()
    }
}

fn responses() -> Case {
    Case {
        adapter: AdapterKind::OpenAi,
        key: ("authorization", "Bearer "),
        path: "/v1/responses",
        stream_path: "/v1/responses",
        upstream_path: "/responses",
        upstream_stream_path: "/responses",
        body: r#"{"model": "m", "input":"hi", "x":1e3}"#,
        stream_body: r#"{"model": "m", "input":"hi", "stream":true}"#,
        own: own::RESPONSES,
        answer: r#"{"id":"resp_1", "object":"response"}"#,
        content_type: "text/event-stream",
        event: "event: response.created\ndata: {\"type\":\"response.created\"}\n\n".into(),
        end: "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{}}\n\n".into(),
        error:
            "event: error\ndata: {\"type\":\"error\",\"code\":\"server_error\",\"message\":\"no\",\"param\":null}\n\n"
                .into(),
        failed: "event: error\ndata: {\"type\":\"error\"",
        good_end: "response.completed",
        bad_key: (401, &[], r#"{"error":{"message":"m","type":"t","param":null,"code":"invalid_api_key"}}"#),
        fault: (
            400,
            &[],
            r#"{"error":{"message":"bad sk-abcdefgh12345678","type":"invalid_request_error","param":"n","code":null}}"#,
        ),
        no_model: (404, &[], r#"{"error":{"message":"m","type":"t","param":null,"code":"model_not_found"}}"#),
    }
}

fn anthropic() -> Case {
    Case {
        adapter: AdapterKind::Anthropic,
        key: ("x-api-key", ""),
        path: "/v1/messages",
        stream_path: "/v1/messages?beta=true",
        upstream_path: "/v1/messages",
        upstream_stream_path: "/v1/messages",
        body: r#"{"model": "m", "max_tokens" : 16, "messages":[]}"#,
        stream_body: r#"{"model": "m", "max_tokens" : 16, "messages":[], "stream": true}"#,
        own: own::ANTHROPIC,
        answer: r#"{"id":"msg_1", "type":"message"}"#,
        content_type: "text/event-stream; charset=utf-8",
        event: "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0}\n\n".into(),
        end: "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n".into(),
        error:
            "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"no\"}}\n\n"
                .into(),
        failed: "event: error\ndata: {\"type\":\"error\",\"error\":",
        good_end: "message_stop",
        bad_key: (
            401,
            &[],
            r#"{"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"}}"#,
        ),
        fault: (
            400,
            &[],
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"bad sk-ant-abcdefgh12345678"}}"#,
        ),
        no_model: (404, &[], r#"{"type":"error","error":{"type":"not_found_error","message":"model: x"}}"#),
    }
}

fn gemini() -> Case {
    Case {
        adapter: AdapterKind::Gemini,
        key: ("x-goog-api-key", ""),
        path: "/v1beta/models/m:generateContent",
        stream_path: "/v1beta/models/m:streamGenerateContent?alt=sse",
        upstream_path: "/v1beta/models/upstream-model:generateContent",
        upstream_stream_path: "/v1beta/models/upstream-model:streamGenerateContent?alt=sse",
        body: r#"{"contents": [ ]}"#,
        stream_body: r#"{"contents": [ ]}"#,
        own: own::GEMINI,
        answer: r#"{"candidates":[ ]}"#,
        content_type: "text/event-stream",
        event: "data: {\"candidates\":[{\"content\":{}}]}\r\n\r\n".into(),
        end: "data: {\"candidates\":[{\"finishReason\":\"STOP\"}]}\r\n\r\n".into(),
        error: "data: {\"error\":{\"code\":503,\"message\":\"no\",\"status\":\"UNAVAILABLE\"}}\r\n\r\n".into(),
        failed: "data: {\"error\":{\"code\":",
        good_end: "finishReason",
        bad_key: (
            400,
            &[],
            r#"{"error":{"code":400,"message":"API key not valid.","status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID"}]}}"#,
        ),
        fault: (400, &[], r#"{"error":{"code":400,"message":"bad AIzaSyD-abcdefgh1","status":"INVALID_ARGUMENT"}}"#),
        no_model: (404, &[], r#"{"error":{"code":404,"message":"models/x is not found","status":"NOT_FOUND"}}"#),
    }
}

fn bedrock() -> Case {
    let event = |kind, payload| {
        frame(&[(":message-type", "event"), (":event-type", kind), (":content-type", "application/json")], payload)
    };
    Case {
        adapter: AdapterKind::Bedrock,
        key: ("authorization", "Bearer "),
        path: "/model/m/converse",
        stream_path: "/model/m/converse-stream",
        upstream_path: "/model/upstream-model/converse",
        upstream_stream_path: "/model/upstream-model/converse-stream",
        body: r#"{"messages": [ ]}"#,
        stream_body: r#"{"messages": [ ]}"#,
        own: own::BEDROCK,
        answer: r#"{"metrics":{}, "output":{"message":{}}}"#,
        content_type: "application/vnd.amazon.eventstream",
        event: event("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"text":"Hi"}}"#),
        end: event("messageStop", r#"{"stopReason":"end_turn"}"#),
        error: frame(
            &[(":message-type", "exception"), (":exception-type", "serviceUnavailableException")],
            r#"{"message":"no"}"#,
        ),
        failed: "exception",
        good_end: "messageStop",
        bad_key: (
            403,
            &[("x-amzn-errortype", "UnrecognizedClientException:http://x/")],
            r#"{"message":"The security token included in the request is invalid."}"#,
        ),
        fault: (400, &[("x-amzn-errortype", "ValidationException")], r#"{"message":"bad AKIAabcdefgh1"}"#),
        no_model: (404, &[("x-amzn-errortype", "ResourceNotFoundException")], r#"{"message":"not found"}"#),
    }
}

fn cohere() -> Case {
    Case {
        adapter: AdapterKind::Cohere,
        key: ("authorization", "Bearer "),
        path: "/v2/chat",
        stream_path: "/v2/chat",
        upstream_path: "/v2/chat",
        upstream_stream_path: "/v2/chat",
        body: r#"{"model": "m", "messages" : []}"#,
        stream_body: r#"{"model": "m", "messages" : [], "stream": true}"#,
        own: own::COHERE,
        answer: r#"{"id":"1", "message":{}}"#,
        content_type: "text/event-stream",
        event: "event: content-delta\ndata: {\"type\":\"content-delta\",\"index\":0}\n\n".into(),
        end: "event: message-end\ndata: {\"type\":\"message-end\",\"delta\":{\"finish_reason\":\"COMPLETE\"}}\n\n".into(),
        error: "event: message-end\ndata: {\"type\":\"message-end\",\"delta\":{\"finish_reason\":\"ERROR\",\"error\":\"no\"}}\n\n".into(),
        failed: "event: message-end\ndata: {\"type\":\"message-end\",\"delta\":{\"error\":",
        good_end: "COMPLETE",
        bad_key: (401, &[], r#"{"message":"invalid api token"}"#),
        fault: (400, &[], r#"{"message":"bad sk-abcdefgh12345678"}"#),
        no_model: (404, &[], r#"{"message":"model 'x' not found"}"#),
    }
}

/// A frame of Amazon's event stream.
pub(crate) fn frame(headers: &[(&str, &str)], payload: &str) -> Bytes {
    let mut packed = Vec::new();
    for (name, value) in headers {
        packed.push(name.len() as u8);
        packed.extend_from_slice(name.as_bytes());
        packed.push(7);
        packed.extend_from_slice(&(value.len() as u16).to_be_bytes());
        packed.extend_from_slice(value.as_bytes());
    }
    let mut frame = Vec::new();
    frame.extend_from_slice(&((16 + packed.len() + payload.len()) as u32).to_be_bytes());
    frame.extend_from_slice(&(packed.len() as u32).to_be_bytes());
    frame.extend_from_slice(&crc32fast::hash(&frame).to_be_bytes());
    frame.extend_from_slice(&packed);
    frame.extend_from_slice(payload.as_bytes());
    frame.extend_from_slice(&crc32fast::hash(&frame).to_be_bytes());
    frame.into()
}
