//! Request signatures of SLS, versions 1 and 4.

/// `SLS_SIGNATURE_VERSION`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SignatureVersion {
    /// V1 unless the endpoint demands V4.
    #[default]
    Auto,
    /// HMAC-SHA1.
    V1,
    /// HMAC-SHA256 with a region.
    V4,
}
