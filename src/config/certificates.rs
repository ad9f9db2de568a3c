//! `SSL_CERT_FILE`: PEM in, certificates as DER out.
//!
//! Pure; who trusts them, and for what, is decided by delivery.

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::rules::Rule;

/// The certificates of a PEM file that can serve as roots, as DER. Bundles of whole systems hold a few that cannot; those are left out.
pub(super) fn roots(pem: &[u8]) -> Result<Vec<Vec<u8>>, Rule> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|_| Rule::from("must name a PEM file without damaged parts"))?;
    let usable: Vec<_> = certificates.into_iter().filter(can_be_a_root).map(|certificate| certificate.as_ref().to_vec()).collect();
    if usable.is_empty() { Err("must name a PEM file with at least one certificate".into()) } else { Ok(usable) }
}

fn can_be_a_root(certificate: &CertificateDer<'_>) -> bool {
    RootCertStore::empty().add(certificate.clone()).is_ok()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A self-signed root of nobody, made for this test with `openssl req -x509 -newkey ec`; its key was thrown away.
    pub(in super::super) const PRIVATE_CA: &str = "\
-----BEGIN CERTIFICATE-----
MIIBkjCCATegAwIBAgIUKohNGzr5GQcgMi9tAHGch+Vdam8wCgYIKoZIzj0EAwIw
HTEbMBkGA1UEAwwSRXhhbXBsZSBwcml2YXRlIENBMCAXDTI2MTEyMDE0MjExOVoY
DzIxMjYxMDI3MTQyMTE5WjAdMRswGQYDVQQDDBJFeGFtcGxlIHByaXZhdGUgQ0Ew
WTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAASZuNrkG6Kk3sjPMEMMjCIuv9ijMbgE
1xx8yVQuH/5mVAHRhJkCtejozQ9zJFY6W6TF6Bt148yO3APVQ0hp9q0Xo1MwUTAd
BgNVHQ4EFgQUducwGoxJAugyKSjDpa/begSg+G8wHwYDVR0jBBgwFoAUducwGoxJ
AugyKSjDpa/begSg+G8wDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNJADBG
AiEA9VCHJhdPSvZ1w+wpWvnnZ34uEiV++zTahvxu2SdlaAQCIQCvtzoxeJ35KtQl
x4yuM1N50V5OwA+wDXoN3XonDpvAww==
-----END CERTIFICATE-----
";

    #[test]
    fn a_certificate_is_stored_as_der() {
        let twice = format!("# a comment\n{PRIVATE_CA}\n{PRIVATE_CA}");
        let roots = roots(twice.as_bytes()).unwrap();
        assert_eq!(roots.len(), 2);
        assert_eq!(roots[0][0], 0x30, "DER begins with a sequence");
    }

    #[test]
    fn what_holds_no_usable_certificate_is_refused() {
        let empty_certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let cut = &PRIVATE_CA[..200];
        for text in ["", "not PEM", empty_certificate, cut, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"] {
            assert!(roots(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn a_certificate_that_cannot_be_a_root_does_not_take_the_others_with_it() {
        let mixed = format!("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n{PRIVATE_CA}");
        assert_eq!(roots(mixed.as_bytes()).unwrap().len(), 1);
    }
}
