//! TLS: reads the certificate and its key.
//!
//! Read once, at the start. A new certificate is taken with a restart, which loses nothing and takes less than a second.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// What connections are encrypted with; none if there is no certificate.
pub(crate) fn open(cert: &str, key: &str) -> anyhow::Result<Option<Arc<ServerConfig>>> {
    if cert.is_empty() {
        return Ok(None);
    }
    let chain = CertificateDer::pem_file_iter(Path::new(cert))
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(|| format!("gateway.tls_cert: cannot read certificates in PEM form from {cert}"))?;
    anyhow::ensure!(!chain.is_empty(), "gateway.tls_cert: there is no certificate in {cert}");
    let key_file = PrivateKeyDer::from_pem_file(Path::new(key))
        .with_context(|| format!("gateway.tls_key: cannot read a private key in PEM form from {key}"))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key_file)
        .with_context(|| format!("gateway.tls_key: {key} does not belong to the certificate in {cert}"))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Some(Arc::new(config)))
}
