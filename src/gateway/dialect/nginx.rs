//! The output that is compatible with NGINX, an option of the commercial gateway (`reference/gateway-logs.md` §11). Its exact set of fields
//! is not public: these are the names of the ingress it is named after, and `ai_log`, where it is kept, is read as ever. Pure data.

use super::{Condition, Demand, Dialect, DurationUnit, Names, Origin, TARGETS};
use crate::gateway::field_path::FieldPath;
use crate::gateway::source::{Source, Sources};

/// The name of the dialect.
pub(super) const NAME: &str = "nginx";

/// Fields that only this output has, and one that it does not have.
const WHEN: [(&str, Demand); 3] = [("request_time", Demand::Present), ("status", Demand::Present), ("response_code", Demand::Absent)];

const ORIGINS: [(&str, &[&str]); 8] = [
    ("request_id", &["request_id", "req_id"]),
    ("start", &["start_time"]),
    ("end", &["time", "time_iso8601", "time_local"]),
    ("duration", &["request_time"]),
    ("user", &["consumer", "remote_user"]),
    ("status", &["status"]),
    ("method", &["method", "request_method"]),
    ("path", &["path", "request_uri", "uri", "url"]),
];

/// Network detail, as in the gateway's own records.
const IGNORE: [&str; 9] = [
    "remote_addr",
    "client_ip",
    "x_forward_for",
    "http_referer",
    "upstream_response_time",
    "upstream_response_length",
    "upstream_status",
    "request_length",
    "version",
];

/// The dialect. `None` only if a path of the lists above is wrong, which a test excludes.
pub(super) fn dialect() -> Option<Dialect> {
    let condition = |(path, demand): &(&str, Demand)| Some(Condition { path: FieldPath::parse(path).ok()?, demand: demand.clone() });
    let sources = |paths: &[&str]| Sources::new(paths.iter().map(|path| Source::parse(path)).collect::<Result<_, _>>().ok()?).ok();
    let origin = |(key, paths): &(&str, &[&str])| {
        let target = TARGETS.iter().find(|target| target.key == *key)?;
        Some((target, Origin { sources: sources(paths)?, values: Default::default() }))
    };
    Some(Dialect {
        name: NAME.to_owned(),
        when: WHEN.iter().map(condition).collect::<Option<_>>()?,
        origins: ORIGINS.iter().map(origin).collect::<Option<_>>()?,
        duration_unit: DurationUnit::Seconds,
        names: Names::Gateway,
        ignore: IGNORE.iter().map(|name| (*name).to_owned()).collect(),
    })
}
