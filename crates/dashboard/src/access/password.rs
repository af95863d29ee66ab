//! The password: what is accepted as one, and argon2id over it.

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};

/// At least so many characters; no other rule, as other rules make passwords worse (NIST SP 800-63B, 5.1.1.2).
const PASSWORD_CHARS_MIN: usize = 12;
/// At most so many: a long sentence, and nothing that keeps a core busy.
const PASSWORD_CHARS_MAX: usize = 256;

/// What OWASP asks for argon2id: 19 MiB, two passes, one lane. About 30 ms.
fn argon2() -> Result<Argon2<'static>, String> {
    let params = Params::new(19 * 1024, 2, 1, None).map_err(|error| error.to_string())?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// Whether it may be a password; `Err` says what to do.
pub(super) fn check(password: &str) -> Result<(), String> {
    match password.chars().count() {
        ..PASSWORD_CHARS_MIN => {
            Err(format!("password: give at least {PASSWORD_CHARS_MIN} characters; a sentence is fine"))
        }
        PASSWORD_CHARS_MIN..=PASSWORD_CHARS_MAX => Ok(()),
        _ => Err(format!("password: give at most {PASSWORD_CHARS_MAX} characters")),
    }
}

/// The hash with its salt and parameters, in the PHC string format.
pub(super) fn hash(password: &str) -> Result<String, String> {
    let hash = argon2()?.hash_password(password.as_bytes());
    hash.map(|hash| hash.to_string()).map_err(|error| error.to_string())
}

/// Whether it is the password of the hash. The parameters are the hash's, so that they can be raised later.
pub(super) fn verify(password: &str, hash: &str) -> bool {
    if password.chars().count() > PASSWORD_CHARS_MAX {
        return false;
    }
    let Ok(hash) = PasswordHash::new(hash) else { return false };
    argon2().is_ok_and(|argon2| argon2.verify_password(password.as_bytes(), &hash).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_password_opens_its_hash() {
        let hashed = hash("correct horse battery").unwrap();
        assert!(hashed.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hashed}");
        assert_ne!(hashed, hash("correct horse battery").unwrap(), "salted");
        assert!(verify("correct horse battery", &hashed));
        assert!(!verify("correct horse batterx", &hashed));
        assert!(!verify("", &hashed));
        assert!(!verify("correct horse battery", "no hash"));
    }

    #[test]
    fn length_is_the_only_rule() {
        fn check_one(password: &str, expected: bool) {
            assert_eq!(check(password).is_ok(), expected, "{password}");
        }
        check_one("", false);
        check_one("elevenchars", false);
        check_one("twelve chars", true);
        check_one("äöüäöüäöüäöü", true);
        check_one(&"ä".repeat(256), true);
        check_one(&"a".repeat(257), false);
    }
}
