//! A key as it is shown.

use emboflow_model::access::ApiKey;
use emboflow_protocol::http::access::KeyView;

/// Without its value, which nobody knows but its owner.
pub(super) fn view(id: String, key: ApiKey) -> KeyView {
    KeyView {
        id,
        name: key.name,
        owner: key.owner,
        powers: key.powers,
        created_at: key.created_at,
        expires_at: key.expires_at,
        last_used_at: key.last_used_at,
        last_used_from: None,
    }
}
