//! Whom to believe that it is the hub: the certificates of the web, or those of a file.
//!
//! The web's are compiled in, so that no system has to have them. A network whose proxy opens
//! encrypted connections has its own, which `SSL_CERT_FILE` names, as for other tools.

use std::fs;
use std::path::Path;

use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

/// Trust in the certificates of a PEM file, and in no others.
pub(super) fn file(path: &Path) -> Result<TlsConfig, String> {
    let failed = |reason: String| format!("SSL_CERT_FILE: {}: {reason}", path.display());
    let pem = fs::read(path).map_err(|e| failed(e.to_string()))?;
    let mut certificates: Vec<Certificate<'static>> = Vec::new();
    for item in parse_pem(&pem) {
        if let PemItem::Certificate(certificate) = item.map_err(|e| failed(e.to_string()))? {
            certificates.push(certificate);
        }
    }
    if certificates.is_empty() {
        return Err(failed("no certificates; it must be a PEM file".to_owned()));
    }
    let roots = RootCerts::new_with_certs(&certificates);
    Ok(TlsConfig::builder().root_certs(roots).build())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_certificates_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let refusal = |content: &str| {
            fs::write(&path, content).unwrap();
            file(&path).unwrap_err()
        };
        let nothing = format!(
            "SSL_CERT_FILE: {}: no certificates; it must be a PEM file",
            path.display()
        );
        assert_eq!(refusal(""), nothing);
        assert_eq!(refusal("text"), nothing);
        let broken = "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n";
        assert!(refusal(broken).starts_with("SSL_CERT_FILE: "));
        assert!(file(&folder.path().join("none")).is_err());
    }
}
