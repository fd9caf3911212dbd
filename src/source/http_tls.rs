//! Which authorities we trust: those of the system (an office's own stand there); where a bare machine
//! has none, Mozilla's as built in; and the source's `ca_file`.
//!
//! ## Design notes
//! - reqwest's own way (`rustls-platform-verifier`) refuses to make a client where the system has no
//!   authorities at all, even one that will only speak plain HTTP.
//! - A certificate is judged by the machine's time, also in a replay: TLS is of the real world.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use super::FetchError;

/// The system's authorities, or the built-in ones.
pub(super) fn system_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::debug!(%error, "an authority of the system cannot be read");
    }
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots
}

/// The TLS settings of one source.
pub(super) fn client_config(
    mut roots: RootCertStore,
    ca_file: Option<&Path>,
) -> Result<ClientConfig, FetchError> {
    const HINT: &str = "put the authority's certificate, as PEM, where `ca_file` says";
    if let Some(path) = ca_file {
        let wrong = |reason: String| FetchError::BadCertificate {
            reason: format!("ca_file: {reason}"),
            hint: HINT,
        };
        let pem = fs_err::read(path).map_err(|error| wrong(error.to_string()))?;
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
            roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| FetchError::BadCertificate { reason: error.to_string(), hint: HINT })?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
