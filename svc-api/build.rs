//! Builds this crate again when the page that is embedded into it has changed.

use std::io::Write as _;
use std::path::Path;

fn main() -> std::io::Result<()> {
    // While there is no built page, its folder's parent shows when one comes.
    let watched = if Path::new("../web/dist").exists() { "../web/dist" } else { "../web" };
    writeln!(std::io::stdout(), "cargo:rerun-if-changed={watched}")
}
