//! `emboflow user list`

use emboflow_protocol::http::access::UserView;

use crate::cli::grants;
use crate::client::Client;
use crate::failure::Failure;
use crate::output::{Colour, Format, Output};
use crate::text;

pub(super) async fn list(client: &Client, output: &mut Output) -> Result<(), Failure> {
    let users: Vec<UserView> = client.list(client.global(&["users"]), usize::MAX).await?;
    if users.is_empty() && !output.is_for_programs() {
        output.message("no users yet; `emboflow admin create NAME` makes the first");
    }
    let is_wide = output.format == Format::Wide;
    let header = ["USER", "STATE", "MAY", "SIGNED IN", "CALLED", "CREATED"];
    let now = text::now();
    output.list(
        &users,
        if is_wide { &header } else { &header[..4] },
        |user| user.name.to_string(),
        |user, output| {
            let mut row = vec![
                user.name.to_string(),
                state(user, output),
                grants::in_words(&user.powers),
                user.last_sign_in_at.map_or_else(|| "never".to_owned(), |at| text::ago(at, now)),
            ];
            if is_wide {
                row.extend([user.display.clone().unwrap_or_default(), text::ago(user.created_at, now)]);
            }
            row
        },
    )?;
    Ok(())
}

fn state(user: &UserView, output: &Output) -> String {
    let now = text::now();
    let locked = user.locked_until.filter(|until| *until > now);
    match (user.disabled, locked) {
        (true, _) => output.paint(Colour::Red, "✗ disabled"),
        (false, Some(until)) => {
            output.paint(Colour::Yellow, &format!("⧖ locked for {}", text::duration(until.ms_since(now))))
        }
        (false, None) => output.paint(Colour::Green, "✓ let in"),
    }
}
