//! A request as the service sees it: project, route and decoded parameters. Refuses only what has no meaning at all.

use std::net::IpAddr;

use bytes::Bytes;
use http::header::{HOST, HeaderMap};
use http::{Method, Request};

use super::refusal::Refusal;

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// `GET /logstores/{l}/shards/{s}?type=log`.
    PullLogs,
    /// `GET /logstores/{l}/shards/{s}?type=cursor`.
    GetCursor,
    /// `GET /logstores/{l}/shards/{s}?type=cursor_time`.
    GetCursorTime,
    /// `GET /logstores/{l}/shards`.
    ListShards,
    /// `GET /logstores/{l}`.
    GetLogStore,
    /// `POST /logstores/{l}`, `…/shards/lb` or `…/shards/route`.
    PutLogs,
}

/// Where in a Logstore a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Logstore,
    Shard(u32),
    /// The shard that takes this MD5 key.
    Key(u128),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Route<'a> {
    pub(super) operation: Operation,
    pub(super) logstore: &'a str,
    pub(super) place: Place,
}

/// A request, its query decoded.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) method: &'a Method,
    pub(super) host: &'a str,
    pub(super) path: &'a str,
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a Bytes,
}

impl<'a> Call<'a> {
    pub(super) fn of(request: &'a Request<Bytes>) -> Self {
        let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let query = decoded_query(request.uri().query().unwrap_or_default());
        Self { method: request.method(), host, path: request.uri().path(), query, headers: request.headers(), body: request.body() }
    }

    /// A header's text; one that is not ASCII counts as absent.
    pub(super) fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(candidate, _)| candidate == name).map(|(_, value)| value.as_str())
    }

    /// `x-log-bodyrawsize`: bytes of the body before compression.
    pub(super) fn raw_size(&self) -> Result<usize, Refusal> {
        let text = self.header("x-log-bodyrawsize").ok_or_else(|| Refusal::missing("x-log-bodyrawsize"))?;
        text.parse().map_err(|_| Refusal::invalid("x-log-bodyrawsize"))
    }

    pub(super) fn route(&self) -> Result<Route<'a>, Refusal> {
        let segments: Vec<&str> = self.path.split('/').skip(1).collect();
        let (logstore, place) = match segments[..] {
            ["logstores", logstore] => (logstore, None),
            ["logstores", logstore, "shards"] => return self.listing(logstore),
            ["logstores", logstore, "shards", shard] => (logstore, Some(shard)),
            _ => return Err(Refusal::invalid("Path")),
        };
        match *self.method {
            Method::GET => self.reading(logstore, place),
            Method::POST => self.writing(logstore, place),
            _ => Err(self.invalid_method()),
        }
    }

    fn listing(&self, logstore: &'a str) -> Result<Route<'a>, Refusal> {
        let route = Route { operation: Operation::ListShards, logstore, place: Place::Logstore };
        if self.method == Method::GET { Ok(route) } else { Err(self.invalid_method()) }
    }

    fn reading(&self, logstore: &'a str, shard: Option<&str>) -> Result<Route<'a>, Refusal> {
        let Some(shard) = shard else {
            return Ok(Route { operation: Operation::GetLogStore, logstore, place: Place::Logstore });
        };
        let shard = shard.parse().map_err(|_| Refusal::invalid("ShardId"))?;
        let operation = match self.parameter("type") {
            Some("log" | "logs") => Operation::PullLogs,
            Some("cursor") => Operation::GetCursor,
            Some("cursor_time") => Operation::GetCursorTime,
            _ => return Err(Refusal::invalid("Type")),
        };
        Ok(Route { operation, logstore, place: Place::Shard(shard) })
    }

    fn writing(&self, logstore: &'a str, target: Option<&str>) -> Result<Route<'a>, Refusal> {
        let place = match target {
            None | Some("lb") => Place::Logstore,
            Some("route") => Place::Key(self.hash_key()?),
            Some(_) => return Err(self.invalid_method()),
        };
        Ok(Route { operation: Operation::PutLogs, logstore, place })
    }

    fn hash_key(&self) -> Result<u128, Refusal> {
        let key = self.parameter("key").filter(|key| key.len() == 32 && key.bytes().all(|byte| byte.is_ascii_hexdigit()));
        key.and_then(|key| u128::from_str_radix(key, 16).ok()).ok_or_else(|| Refusal::invalid("Key"))
    }

    fn invalid_method(&self) -> Refusal {
        Refusal::new(405, "InvalidMethod", format!("Method {} is not allowed here", self.method))
    }
}

/// The project in a `Host`: the first label of `<project>.<host or address>[:port]` (`reference/sls.md` §1).
pub(super) fn project_of(host: &str) -> Result<&str, Refusal> {
    // Behind the project of `cn-hangzhou.log.aliyuncs.com` no endpoint is left: the name is an endpoint itself.
    const NOT_ENDPOINTS: [&str; 4] = ["log.aliyuncs.com", "sls.aliyuncs.com", "dualstack.log.aliyuncs.com", "aliyuncs.com"];
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let is_address = name.parse::<IpAddr>().is_ok() || host.starts_with('[');
    match name.split_once('.') {
        Some((project, endpoint)) if !is_address && !project.is_empty() && !NOT_ENDPOINTS.contains(&endpoint) => Ok(project),
        _ => Err(Refusal::new(400, "InvalidHost", "The Host names no project")),
    }
}

fn decoded_query(query: &str) -> Vec<(String, String)> {
    let url = reqwest::Url::parse(&format!("http://sls/?{query}"));
    url.map(|url| url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_project_is_the_first_label_before_a_host_or_an_address() {
        for (host, project) in [
            ("demo.cn-hangzhou.log.aliyuncs.com", Some("demo")),
            ("demo.cn-hangzhou.dualstack.log.aliyuncs.com", Some("demo")),
            ("demo.log-global.aliyuncs.com", Some("demo")),
            ("demo.127.0.0.1:8080", Some("demo")),
            ("demo.127.0.0.1", Some("demo")),
            ("demo.localhost:1", Some("demo")),
            ("127.0.0.1:8080", None),
            ("127.0.0.1", None),
            ("[::1]:80", None),
            ("localhost:1", None),
            ("cn-hangzhou.log.aliyuncs.com", None),
            ("cn-hangzhou.dualstack.log.aliyuncs.com", None),
            ("log-global.aliyuncs.com", None),
            (".example.com", None),
            ("", None),
        ] {
            assert_eq!(project_of(host).ok(), project, "{host}");
        }
    }

    #[test]
    fn query_values_are_decoded_as_the_service_does() {
        let decoded = decoded_query("type=log&cursor=MA%3D%3D&query=%2A+%7C%20a%2Bb&query=%E4%BD%A0&flag");
        let expected = [("type", "log"), ("cursor", "MA=="), ("query", "* | a+b"), ("query", "你"), ("flag", "")];
        assert_eq!(decoded, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
}
