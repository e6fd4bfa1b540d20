//! What a scalar without quotes means: the rules of YAML 1.2, and errors where older tools read something else.

use super::code;
use super::document::Data;

/// Why a scalar is refused.
pub(super) struct BadScalar {
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) hint: String,
}

/// Reads a scalar that stands without quotes.
pub(super) fn plain(text: &str) -> Result<Data, BadScalar> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Data::Null),
        "true" | "True" | "TRUE" => return Ok(Data::Boolean(true)),
        "false" | "False" | "FALSE" => return Ok(Data::Boolean(false)),
        _ => {}
    }
    if ["yes", "no", "on", "off"].contains(&text.to_lowercase().as_str()) {
        let boolean = matches!(text.to_lowercase().as_str(), "yes" | "on");
        return Err(BadScalar {
            code: code::YAML_BOOLEAN,
            message: format!("`{text}` without quotes is a boolean for some tools and a text for others"),
            hint: format!("write `{boolean}` for the boolean, or \"{text}\" with quotes for the text"),
        });
    }
    match text.as_bytes().first() {
        Some(b'0'..=b'9' | b'+' | b'-' | b'.') => number(text),
        _ => Ok(Data::Text(text.into())),
    }
}

fn number(text: &str) -> Result<Data, BadScalar> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(unsigned.to_lowercase().as_str(), ".inf" | ".nan") {
        return Err(bad_number(format!("`{text}` is not a number that JSON can hold"), text));
    }
    let radix = match unsigned.get(..2) {
        Some("0x") => Some((16, &unsigned[2..])),
        Some("0o") => Some((8, &unsigned[2..])),
        _ => None,
    };
    if let Some((radix, digits)) = radix {
        if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) || unsigned != text {
            return Ok(Data::Text(text.into()));
        }
        return i64::from_str_radix(digits, radix).map(Data::Integer).map_err(|_| out_of_range(text));
    }
    if !unsigned.is_empty() && unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        if unsigned.len() > 1 && unsigned.starts_with('0') {
            let message = format!("`{text}` is octal for some tools and decimal for others");
            return Err(bad_number(message, text));
        }
        return text.parse().map(Data::Integer).map_err(|_| out_of_range(text));
    }
    if is_decimal(unsigned) {
        return match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(Data::Number(value)),
            _ => Err(out_of_range(text)),
        };
    }
    Ok(Data::Text(text.into()))
}

/// `1.5`, `.5`, `1.`, `1e3`, `1.5e-3`.
fn is_decimal(text: &str) -> bool {
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let exponent_is_good = exponent.is_none_or(|exponent| {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !exponent.is_empty() && digits(exponent)
    });
    !(whole.is_empty() && fraction.is_empty()) && digits(whole) && digits(fraction) && exponent_is_good
}

fn out_of_range(text: &str) -> BadScalar {
    bad_number(format!("the number `{}` does not fit into 64 bits", super::suggest::shown(text)), text)
}

fn bad_number(message: String, text: &str) -> BadScalar {
    let hint = format!("write \"{}\" with quotes if it is a text", super::suggest::shown(text));
    BadScalar { code: code::YAML_NUMBER, message, hint }
}
