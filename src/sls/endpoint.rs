//! Which SLS endpoints are trusted, and how a project is reached through one.

/// What the operator says about endpoints.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointSettings {
    /// `SLS_ENDPOINT`: replaces the endpoint of every event. Trusted, because the operator wrote it.
    pub replacement: Option<String>,
    /// `SLS_ALLOWED_ENDPOINTS`: exact host names or addresses, lower-case, without port, to trust beside Alibaba's own.
    pub allowed_hosts: Vec<String>,
    /// `SLS_PLAIN_HTTP`: leave `http` of an Alibaba endpoint as it is instead of upgrading it to `https`.
    pub plain_http: bool,
}
