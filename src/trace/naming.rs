//! What a call is called by the gateway's own words: its API, or the tool behind it. Pure.

use std::borrow::Cow;

use super::bounds::bounded;
use crate::gateway::{CallKind, GatewayCall, Value, json_rpc};

/// The name of the tool that was called; `None` where the call is of no tool.
pub fn tool_name<'a>(call: &GatewayCall<'a>) -> Option<Cow<'a, str>> {
    let tool = call.ai.mcp_tool_name.as_ref().filter(|_| call.kind == CallKind::Tool).and_then(Value::text);
    tool.or_else(|| tool_in_details(call)).or_else(|| tool_in_body(call)).map(bounded)
}

/// `mcp:tools/call:<server>/<tool>:result` names the tool where `ai_log` does not.
fn tool_in_details<'a>(call: &GatewayCall<'a>) -> Option<Cow<'a, str>> {
    let details = Value::of_field(call.envelope.response_code_details).filter(|_| call.kind == CallKind::Tool)?.text()?;
    let path = details.strip_prefix("mcp:tools/call:")?.split(':').next()?;
    path.split_once('/').map(|(_, tool)| Cow::Owned(tool.to_owned()))
}

fn tool_in_body<'a>(call: &GatewayCall<'a>) -> Option<Cow<'a, str>> {
    json_rpc::request(call.envelope.request_body).filter(|_| call.kind == CallKind::Tool)?.params?.name
}

/// The name of the API, else of the route.
pub fn api_name<'a>(call: &GatewayCall<'a>) -> Cow<'a, str> {
    let api = call.ai.api.as_ref().and_then(Value::text);
    let route = || Value::of_field(call.envelope.route_name).and_then(|route| route.text()).map(api_of_route);
    api.or_else(route).map_or(Cow::Borrowed("ai-gateway call"), bounded)
}

/// The first three parts of an AI route name its API (`reference/gateway-logs.md` §3), which a refused call does not log.
fn api_of_route(route: Cow<'_, str>) -> Cow<'_, str> {
    match route.match_indices('@').nth(2) {
        Some((end, _)) => Cow::Owned(route[..end].to_owned()),
        None => route,
    }
}
