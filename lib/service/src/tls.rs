//! One cryptography provider for every TLS client and server of the process.

/// Makes aws-lc-rs the process-wide provider of rustls. Calling it again changes nothing.
pub fn install() {
    // An error only says that a provider is already there, which is what we want.
    let _already_installed = rustls::crypto::aws_lc_rs::default_provider().install_default();
}
