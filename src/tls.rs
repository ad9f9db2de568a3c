//! The TLS settings of both clients: rustls with *ring* and the bundled roots, so that the binary needs nothing of the system.
//!
//! There is no way to switch a check off (`design.md` §2, `SSL_CERT_FILE`).

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};

/// Client settings that trust the bundled roots and `extra_roots` (DER). Roots that cannot be read are passed over: configuration has
/// refused an unreadable file before.
///
/// # Errors
/// When the crypto provider cannot serve the protocol versions, which would be a broken build.
pub fn client_config(extra_roots: &[Vec<u8>]) -> Result<ClientConfig, rustls::Error> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    roots.add_parsable_certificates(extra_roots.iter().map(|der| CertificateDer::from(der.as_slice())));
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
    Ok(builder.with_safe_default_protocol_versions()?.with_root_certificates(roots).with_no_client_auth())
}
