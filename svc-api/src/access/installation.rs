//! The installation's own token and one-time code: what the person at the machine itself has.

use std::sync::{Mutex, PoisonError};

use anyhow::{Result, ensure};
use emboflow_service::Secret;

use super::token::fingerprint;

const TOKEN_MIN_CHARACTERS: usize = 16;

/// What is known of them.
pub(crate) struct Installation {
    token: String,
    code: Mutex<Option<String>>,
}

impl Installation {
    /// Takes the token and the one-time code.
    ///
    /// # Errors
    /// The token is easy to guess.
    pub(crate) fn new(token: &Secret, code: Option<&Secret>) -> Result<Self> {
        let token = token.reveal();
        ensure!(
            token.len() >= TOKEN_MIN_CHARACTERS,
            "the API's token has {} characters; at least {TOKEN_MIN_CHARACTERS} are needed",
            token.len()
        );
        let code = code.map(|code| fingerprint(code.reveal()));
        Ok(Self { token: fingerprint(token), code: Mutex::new(code) })
    }

    /// Whether this is the token.
    pub(crate) fn is_token(&self, presented: &str) -> bool {
        // Fingerprints of equal length: how far they agree tells nothing about the token.
        fingerprint(presented) == self.token
    }

    /// Names the token without telling it.
    pub(crate) fn mark(&self) -> &str {
        &self.token
    }

    /// Uses the one-time code up; false when it is not the code, or has been used.
    pub(crate) fn exchange(&self, presented: &str) -> bool {
        let mut code = self.code.lock().unwrap_or_else(PoisonError::into_inner);
        let matches = code.as_deref() == Some(fingerprint(presented).as_str());
        if matches {
            *code = None;
        }
        matches
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "a-token-of-some-length";

    #[test]
    fn only_the_token_itself_is_the_token_and_the_code_is_good_once() {
        let installation = Installation::new(&Secret::new(TOKEN), Some(&Secret::new("once"))).unwrap();
        assert!(installation.is_token(TOKEN));
        for bad in ["", "x", &TOKEN[1..], &format!("{TOKEN}x")] {
            assert!(!installation.is_token(bad), "{bad}");
        }
        assert!(!installation.exchange("other") && installation.exchange("once"));
        assert!(!installation.exchange("once"));
    }

    #[test]
    fn a_token_that_can_be_guessed_is_refused_at_the_start() {
        assert!(Installation::new(&Secret::new("short"), None).is_err());
    }
}
