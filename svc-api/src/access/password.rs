//! Passwords: how they are kept, and which are good enough.

use std::sync::LazyLock;

use argon2::Argon2;
use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash};
use emboflow_protocol::{ErrorCode, FieldError};
use tokio::sync::Semaphore;

use crate::problem::{Failure, Outcome};

/// Characters of a password.
const LENGTH: std::ops::RangeInclusive<usize> = 8..=256;
/// Of zxcvbn's 0 to 4: 3 takes 10^8 guesses and more.
const LEAST_SCORE: u8 = 3;
/// Each takes 19 MiB of memory and one processor for some milliseconds.
const AT_ONCE: usize = 2;
/// Who comes later is told to come again.
const WAITING: usize = 32;

static HASHING: Semaphore = Semaphore::const_new(AT_ONCE);
static WAITERS: Semaphore = Semaphore::const_new(WAITING);
/// Verified for users that are not there, so that the answer takes as long as for those that are.
static NOBODYS: LazyLock<String> =
    LazyLock::new(|| hash_now("nobody has this password").expect("the parameters are those of the crate"));

/// Refuses what is too short or easy to guess. `known` are words that belong to the user.
///
/// # Errors
/// [`ErrorCode::AuthPasswordWeak`] with what would make it better.
pub(crate) fn check_strength(password: &str, known: &[&str]) -> Outcome<()> {
    let length = password.chars().count();
    if !LENGTH.contains(&length) {
        let detail = format!("a password has {} to {} characters", LENGTH.start(), LENGTH.end());
        return Err(weak(detail, None));
    }
    let known: Vec<&str> = known.iter().copied().chain(["emboflow"]).collect();
    let entropy = zxcvbn::zxcvbn(password, &known);
    if u8::from(entropy.score()) >= LEAST_SCORE {
        return Ok(());
    }
    let feedback = entropy.feedback();
    let warning = feedback.and_then(|feedback| feedback.warning()).map(|warning| warning.to_string());
    let detail = warning.unwrap_or_else(|| "the password is easy to guess".to_owned());
    let advice = feedback.and_then(|feedback| feedback.suggestions().first().map(ToString::to_string));
    Err(weak(detail, advice))
}

fn weak(detail: String, advice: Option<String>) -> Failure {
    let field = FieldError {
        pointer: Some("/password".to_owned()),
        ..FieldError::new(ErrorCode::AuthPasswordWeak, detail.clone())
    };
    let advice = advice
        .unwrap_or_else(|| "take four or more words that have nothing to do with each other".to_owned());
    Failure::new(ErrorCode::AuthPasswordWeak, detail).with_hint(advice).with_errors(vec![field])
}

/// The argon2id hash of a password, as PHC text.
pub(crate) async fn hash(password: String) -> Outcome<String> {
    in_turn(move || hash_now(&password)).await?
}

fn hash_now(password: &str) -> Outcome<String> {
    let hash = Argon2::default().hash_password(password.as_bytes());
    hash.map(|hash| hash.to_string()).map_err(|error| Failure::behind(ErrorCode::Internal, error))
}

/// Whether it is the password of this hash. Without a hash it takes as long, and is not.
pub(crate) async fn verify(password: String, hash: Option<String>) -> Outcome<bool> {
    in_turn(move || {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| NOBODYS.clone());
        let parsed = PasswordHash::new(&hash).map_err(|error| Failure::behind(ErrorCode::Internal, error))?;
        Ok(Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok() && known)
    })
    .await?
}

/// On a thread of its own, few at a time.
async fn in_turn<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Outcome<T> {
    let Ok(_waits) = WAITERS.try_acquire() else {
        return Err(Failure::new(ErrorCode::RequestRateLimited, "too many sign-ins are being checked"));
    };
    let turn = HASHING.acquire().await.map_err(|error| Failure::behind(ErrorCode::Internal, error))?;
    let done = tokio::task::spawn_blocking(move || {
        // The thread goes on when nobody waits for it any more, and has its turn until it ends.
        let _turn = turn;
        work()
    });
    done.await.map_err(|error| Failure::behind(ErrorCode::Internal, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_kept_as_a_salted_argon2id_hash() {
        let (first, second) = (hash("a b".to_owned()).await.unwrap(), hash("a b".to_owned()).await.unwrap());
        assert!(first.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{first}");
        assert_ne!(first, second);
        assert!(verify("a b".to_owned(), Some(first.clone())).await.unwrap());
        assert!(!verify("a c".to_owned(), Some(first)).await.unwrap());
        assert!(!verify("nobody has this password".to_owned(), None).await.unwrap());
    }

    #[test]
    fn a_password_that_is_easy_to_guess_is_refused_with_a_reason() {
        for bad in ["", "short", "password1", "12345678", "emboflow1", "anna.k123", &"a".repeat(300)] {
            let Err(failure) = check_strength(bad, &["anna.k"]) else { panic!("'{bad}' is taken") };
            assert_eq!((failure.code(), failure.problem().status), ("auth.password_weak", 422), "{bad}");
            assert!(failure.problem().hint.is_some());
        }
        assert!(check_strength("correct horse battery staple", &["anna.k"]).is_ok());
    }
}
