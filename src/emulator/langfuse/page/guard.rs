//! Who may read the page: programs and pages of this machine, under a name of this machine. Pure.
//!
//! The stand-in listens on 127.0.0.1, but a browser carries requests of any site there. A site whose name was made to point at 127.0.0.1
//! (DNS rebinding) comes with its own name in `Host`; any other site comes with its origin, or with what the browser says about it.

use crate::emulator::langfuse::incoming::Incoming;

const FOREIGN_NAME: &str = "This page answers under the names of this machine only: 127.0.0.1, localhost, [::1].";
const FOREIGN_SITE: &str = "This page answers no other site.";

/// Why a request is refused, if it is.
pub fn refusal(incoming: &Incoming) -> Option<&'static str> {
    let Some(host) = only(incoming, "host").filter(|host| is_this_machine(host)) else { return Some(FOREIGN_NAME) };
    let own_origin = incoming.header("origin").is_none_or(|origin| origin.eq_ignore_ascii_case(&format!("http://{host}")));
    (!own_origin || !own_site(incoming)).then_some(FOREIGN_SITE)
}

/// A header that is there exactly once.
fn only<'a>(incoming: &'a Incoming, name: &str) -> Option<&'a str> {
    let mut values = incoming.headers.get_all(name).iter();
    let first = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(first)
}

fn is_this_machine(host: &str) -> bool {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
        _ => (host, None),
    };
    let port = port.is_none_or(|port| port.parse::<u16>().is_ok());
    port && ["127.0.0.1", "localhost", "[::1]"].iter().any(|own| name.eq_ignore_ascii_case(own))
}

/// A link on another site may open the page, which its script then cannot read; it may ask for nothing else.
fn own_site(incoming: &Incoming) -> bool {
    let is_page = incoming.path == "/" && incoming.header("sec-fetch-mode").is_none_or(|mode| mode == "navigate");
    is_page || matches!(incoming.header("sec-fetch-site"), None | Some("same-origin" | "none"))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::Request;

    use super::*;

    fn refused(path: &str, headers: &[(&str, &str)]) -> Option<&'static str> {
        let request = headers.iter().fold(Request::builder().uri(path), |request, (name, value)| request.header(*name, *value));
        refusal(&Incoming::new(request.body(Bytes::new()).unwrap()))
    }

    #[test]
    fn only_names_of_this_machine_are_answered() {
        for host in ["127.0.0.1", "127.0.0.1:80", "localhost:3000", "LocalHost", "[::1]", "[::1]:8080"] {
            assert_eq!(refused("/_local/now", &[("host", host)]), None, "{host}");
        }
        let foreign = [
            "",
            "evil.example",
            "127.0.0.1.evil.example",
            "evil.example:80",
            "localhost.",
            "127.0.0.1:80:90",
            "::1",
            "0.0.0.0",
            "localhost:",
            "localhost:port",
            "user@localhost",
        ];
        for host in foreign {
            assert_eq!(refused("/_local/now", &[("host", host)]), Some(FOREIGN_NAME), "{host}");
            assert_eq!(refused("/", &[("host", host)]), Some(FOREIGN_NAME), "{host}");
        }
        assert_eq!(refused("/", &[]), Some(FOREIGN_NAME));
        assert_eq!(refused("/", &[("host", "localhost"), ("host", "localhost")]), Some(FOREIGN_NAME));
    }

    #[test]
    fn other_sites_may_link_to_the_page_and_read_nothing() {
        let asked = |path: &str, name: &str, value: &str, mode: &str| {
            refused(path, &[("host", "localhost:3000"), (name, value), ("sec-fetch-mode", mode)]).is_none()
        };
        assert!(asked("/", "sec-fetch-site", "cross-site", "navigate"));
        assert!(!asked("/", "sec-fetch-site", "cross-site", "no-cors"));
        for (site, fine) in [("same-origin", true), ("none", true), ("same-site", false), ("cross-site", false), ("odd", false)] {
            assert_eq!(asked("/_local/traces", "sec-fetch-site", site, "cors"), fine, "{site}");
        }
        for (origin, fine) in
            [("http://localhost:3000", true), ("http://localhost:3001", false), ("null", false), ("https://localhost:3000", false)]
        {
            assert_eq!(asked("/_local/traces", "origin", origin, "cors"), fine, "{origin}");
        }
    }
}
