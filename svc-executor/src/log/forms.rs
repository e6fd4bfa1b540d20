//! The forms in which programs usually show a text.

use std::fmt::Write as _;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Characters that a URL takes as they are.
const IN_URL: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The widths in which `base64` and `openssl` break their lines.
const BASE64_WIDTHS: [usize; 2] = [64, 76];

/// The text as it is, and all other forms.
pub(super) fn forms_of(text: &str) -> Vec<Vec<u8>> {
    let bytes = text.as_bytes();
    let url = utf8_percent_encode(text, &IN_URL).to_string();
    let hex = hex::encode(bytes);
    let json = json(text);
    let mut forms = vec![
        text.to_owned(),
        json.replace('/', "\\/"),
        ascii(&json),
        json,
        url.replace("%20", "+"),
        lower_escapes(&url),
        url,
        text.replace('\'', "'\\''"),
        hex.to_uppercase(),
        hex,
    ];
    for lead in 0..3 {
        forms.push(base64_inside(bytes, lead, &STANDARD_NO_PAD));
        forms.push(base64_inside(bytes, lead, &URL_SAFE_NO_PAD));
    }
    let whole = base64_inside(bytes, 0, &STANDARD_NO_PAD);
    forms.extend(BASE64_WIDTHS.map(|width| broken(&whole, width)));
    forms.into_iter().map(String::into_bytes).collect()
}

/// The part of the base64 of a longer text that this one alone decides, when `lead` bytes (modulo 3) stand before it.
fn base64_inside(bytes: &[u8], lead: usize, engine: &impl Engine) -> String {
    let mut padded = vec![0; lead];
    padded.extend_from_slice(bytes);
    let encoded = engine.encode(&padded);
    // A character has 6 bits: the first ones have bits of what stands before, the last one of what follows.
    let (first, last) = ((lead * 8).div_ceil(6), padded.len() * 8 / 6);
    encoded.get(first..last).unwrap_or_default().to_owned()
}

fn broken(text: &str, width: usize) -> String {
    let lines: Vec<&str> =
        text.as_bytes().chunks(width).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    lines.join("\n")
}

/// Inside the quotes of a JSON text.
pub(super) fn json(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// JSON in which every character beyond ASCII is escaped.
fn ascii(json: &str) -> String {
    json.encode_utf16().fold(String::new(), |mut ascii, unit| {
        match u8::try_from(unit) {
            Ok(byte) if byte.is_ascii() => ascii.push(char::from(byte)),
            _ => {
                let _ = write!(ascii, "\\u{unit:04x}");
            }
        }
        ascii
    })
}

fn lower_escapes(url: &str) -> String {
    let mut parts = url.split('%');
    let mut lower = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (code, rest) = part.split_at(part.len().min(2));
        lower.push('%');
        lower.push_str(&code.to_ascii_lowercase());
        lower.push_str(rest);
    }
    lower
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::STANDARD;

    fn shows(shown: &str, text: &str) -> bool {
        forms_of(text).iter().any(|form| shown.as_bytes().windows(form.len()).any(|part| part == form))
    }

    #[test]
    fn base64_shows_a_text_whatever_stands_around_it() {
        let text = "s3cret-t0ken!";
        for before in ["", "u", "us", "use", "user:"] {
            for after in ["", "x", "xy", "xyz"] {
                let around = format!("{before}{text}{after}");
                assert!(shows(&STANDARD.encode(&around), text), "{around}");
                assert!(shows(&URL_SAFE_NO_PAD.encode(&around), text), "{around}");
            }
        }
        let long = "0123456789".repeat(30);
        for width in BASE64_WIDTHS {
            assert!(shows(&broken(&STANDARD.encode(&long), width), &long), "broken at {width}");
        }
    }

    #[test]
    fn a_text_is_known_in_a_url_in_json_in_a_shell_and_in_hex() {
        let text = "p\u{e4}ss w/o\"rd'%\n\u{1f511}";
        for shown in [
            "p%C3%A4ss%20w%2Fo%22rd%27%25%0A%F0%9F%94%91",
            "p%c3%a4ss%20w%2fo%22rd%27%25%0a%f0%9f%94%91",
            "p%C3%A4ss+w%2Fo%22rd%27%25%0A%F0%9F%94%91",
            "{\"a\":\"p\u{e4}ss w/o\\\"rd'%\\n\u{1f511}\"}",
            "p\u{e4}ss w\\/o\\\"rd'%\\n\u{1f511}",
            "p\\u00e4ss w/o\\\"rd'%\\n\\ud83d\\udd11",
            "'p\u{e4}ss w/o\"rd'\\''%\n\u{1f511}'",
        ] {
            assert!(shows(shown, text), "{shown}");
        }
        assert!(shows("706173732d776f7264", "pass-word") && shows("706173732D776F7264", "pass-word"));
    }
}
