//! A certificate of our own for a comparison over TLS: both servers show the same one.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::process::{output, program};

/// The setting that a onepixel without TLS does not know.
const SETTING: &str = "tls_cert";

/// PEM files.
#[derive(Debug)]
pub(super) struct Certificate {
    certificate: PathBuf,
    key: PathBuf,
}

impl Certificate {
    /// Signs one with its own key, on the curve that most sites use.
    pub(super) fn make(folder: &Path) -> anyhow::Result<Self> {
        let made = Self { certificate: folder.join("certificate.pem"), key: folder.join("key.pem") };
        let curve = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
        let mut openssl = program("openssl", &curve);
        openssl.args(["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]);
        openssl.arg("-keyout").arg(&made.key).arg("-out").arg(&made.certificate);
        output(openssl.stderr(Stdio::null()))?;
        Ok(made)
    }

    /// Lines for a server's block. The versions are those that onepixel speaks: Debian's nginx has no 1.3 unless told.
    pub(super) fn settings_of_nginx(&self) -> String {
        let (certificate, key) = (self.certificate.display(), self.key.display());
        format!("ssl_protocols TLSv1.2 TLSv1.3; ssl_certificate {certificate}; ssl_certificate_key {key};")
    }

    /// Words for the command line.
    pub(super) fn settings_of_onepixel(&self) -> [String; 4] {
        let set = |name: &str, path: &Path| format!("gateway.{name}={}", path.display());
        let (certificate, key) = (set(SETTING, &self.certificate), set("tls_key", &self.key));
        ["--set".to_owned(), certificate, "--set".to_owned(), key]
    }
}

/// Whether this onepixel knows how to speak TLS, by its own list of settings.
pub(super) fn is_known_to(onepixel: &Path) -> anyhow::Result<bool> {
    Ok(output(Command::new(onepixel).args(["config", "print"]))?.contains(SETTING))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_servers_are_told_where_it_is() {
        let made = Certificate { certificate: PathBuf::from("c.pem"), key: PathBuf::from("k.pem") };
        assert_eq!(
            made.settings_of_nginx(),
            "ssl_protocols TLSv1.2 TLSv1.3; ssl_certificate c.pem; ssl_certificate_key k.pem;"
        );
        let words = made.settings_of_onepixel().join(" ");
        assert_eq!(words, "--set gateway.tls_cert=c.pem --set gateway.tls_key=k.pem");
    }
}
