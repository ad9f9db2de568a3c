//! The JSON-RPC bodies of MCP traffic, where the gateway logs bodies (`reference/gateway-logs.md` §5). Pure.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

/// A request of the protocol.
#[derive(Debug, Deserialize)]
pub struct Request<'b> {
    /// What is asked for, `tools/call` for a tool.
    #[serde(borrow)]
    pub method: Cow<'b, str>,
    /// Of a tool call: which, and with what.
    #[serde(borrow, default)]
    pub params: Option<Params<'b>>,
}

/// The parameters of a tool call.
#[derive(Debug, Deserialize)]
pub struct Params<'b> {
    /// Name of the tool.
    #[serde(borrow, default)]
    pub name: Option<Cow<'b, str>>,
    /// What it is called with.
    #[serde(borrow, default)]
    pub arguments: Option<&'b RawValue>,
}

/// A reply of the protocol.
#[derive(Debug, Deserialize)]
pub struct Response<'b> {
    /// What the tool gave back.
    #[serde(borrow, default)]
    pub result: Option<&'b RawValue>,
    /// Why there is no result.
    #[serde(borrow, default)]
    pub error: Option<&'b RawValue>,
}

/// The request in a body.
pub fn request(body: Option<&[u8]>) -> Option<Request<'_>> {
    let text = std::str::from_utf8(body?).ok()?;
    text.contains("\"jsonrpc\"").then(|| serde_json::from_str(text).ok()).flatten()
}

/// The reply in a body, also in the one event of a stream that carries it.
pub fn response(body: Option<&[u8]>) -> Option<Response<'_>> {
    let text = std::str::from_utf8(body?).ok()?.trim();
    let event = || text.lines().rev().find_map(|line| line.strip_prefix("data:")).map(str::trim);
    let json = if text.starts_with('{') { text } else { event()? };
    let response: Response<'_> = json.contains("\"jsonrpc\"").then(|| serde_json::from_str(json).ok()).flatten()?;
    (response.result.is_some() || response.error.is_some()).then_some(response)
}

impl Response<'_> {
    /// True if the reply says that the tool did not do its work.
    pub fn tells_of_an_error(&self) -> bool {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct ToolResult {
            #[serde(default)]
            is_error: bool,
        }
        let failed = |result: &RawValue| serde_json::from_str::<ToolResult>(result.get()).is_ok_and(|result| result.is_error);
        self.error.is_some() || self.result.is_some_and(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_replies_are_known_by_the_protocol_s_name() {
        let asked = request(Some(br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":{"a":1}}}"#)).unwrap();
        let params = asked.params.unwrap();
        assert_eq!(
            (asked.method.as_ref(), params.name.as_deref(), params.arguments.unwrap().get()),
            ("tools/call", Some("t"), r#"{"a":1}"#)
        );
        for other in [None, Some(br#"{"method":"tools/call"}"#.as_slice()), Some(b"{\"jsonrpc\""), Some(b"\xff"), Some(b"")] {
            assert!(request(other).is_none() && response(other).is_none());
        }
    }

    #[test]
    fn an_error_is_seen_in_both_its_places_and_in_an_event_stream() {
        let fails = |body: &str| response(Some(body.as_bytes())).map(|reply| reply.tells_of_an_error());
        assert_eq!(fails(r#"{"jsonrpc":"2.0","error":{"code":1}}"#), Some(true));
        assert_eq!(fails(r#"{"jsonrpc":"2.0","result":{"isError":true}}"#), Some(true));
        assert_eq!(fails("event: message\ndata: {\"jsonrpc\":\"2.0\",\"result\":{}}\n\n"), Some(false));
        assert_eq!(fails(r#"{"jsonrpc":"2.0","result":[1]}"#), Some(false));
        assert_eq!(fails(r#"{"jsonrpc":"2.0","method":"ping"}"#), None);
    }
}
