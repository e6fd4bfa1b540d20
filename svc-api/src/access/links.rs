//! Links that sign in once: for the first administrator, for new people, and for those who forgot their password.

use emboflow_model::Timestamp;
use emboflow_model::access::{Invitation, UserName};
use emboflow_records::SharedRecords;

use super::shelf::Shelf;
use super::token;
use crate::app::now;
use crate::problem::Outcome;

/// How long a link is good.
const GOOD_FOR_MS: u64 = 24 * 60 * 60 * 1_000;

/// All links.
pub(crate) struct Links(Shelf<Invitation>);

impl Links {
    /// Those in the records.
    pub(crate) fn new(records: SharedRecords) -> Self {
        Self(Shelf::new(records, "invitation"))
    }

    /// A new link for a user, in place of the one before: its code, and when it ends.
    pub(crate) async fn make(&self, user: &UserName) -> Outcome<(String, Timestamp)> {
        let token = token::random();
        let expires_at = now().plus_ms(GOOD_FOR_MS);
        let invitation = Invitation { code: token::fingerprint(&token), user: user.clone(), expires_at };
        loop {
            let before = self.0.get(user.as_str()).await?.map(|found| found.version);
            if self.0.put(user.as_str(), before, &invitation).await?.is_some() {
                return Ok((format!("{token}.{user}"), expires_at));
            }
        }
    }

    /// Uses a link up: whom it signs in. Of several that come with it at the same time one is first.
    pub(crate) async fn exchange(&self, code: &str) -> Outcome<Option<UserName>> {
        let Some((token, user)) = code.split_once('.') else { return Ok(None) };
        let Ok(user) = UserName::new(user) else { return Ok(None) };
        let Some(found) = self.0.get(user.as_str()).await? else { return Ok(None) };
        let is_good = found.body.code == token::fingerprint(token) && now() < found.body.expires_at;
        Ok((is_good && self.0.drop(&found).await?).then_some(user))
    }

    /// Takes a user's link back.
    pub(crate) async fn revoke(&self, user: &UserName) -> Outcome<()> {
        if let Some(found) = self.0.get(user.as_str()).await? {
            self.0.drop(&found).await?;
        }
        Ok(())
    }
}
