//! Money as people write it: `1.50 USD`. Inside it is whole micro-dollars; no floating point touches it.

/// Micro-dollars in one dollar.
const MICRO: u64 = 1_000_000;
/// Digits after the point that a micro-dollar can carry.
const DIGITS: usize = 6;

/// Reads `1.50 USD` as 1 500 000 micro-dollars.
///
/// At most six digits after the point; no sign, no exponent, no thousands separators; the currency is required, so that
/// nobody takes the number for cents or micro-dollars.
pub fn parse_microusd(text: &str) -> Result<u64, String> {
    let Some(number) = text.trim().strip_suffix("USD") else {
        return Err(format!("{text:?} is no amount of money, as in \"1.50 USD\""));
    };
    let number = number.trim_end();
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(part) {
        return Err(format!("{text:?} is no amount of money, as in \"1.50 USD\""));
    }
    if part.len() > DIGITS {
        return Err(format!(
            "{text:?} is finer than a micro-dollar (six digits after the point)"
        ));
    }
    let too_large = || format!("{text:?} is more than can be counted");
    let whole: u64 = whole.parse().map_err(|_| too_large())?;
    let part: u64 = format!("{part:0<DIGITS$}").parse().map_err(|_| too_large())?;
    whole
        .checked_mul(MICRO)
        .and_then(|micro| micro.checked_add(part))
        .ok_or_else(too_large)
}

/// Writes micro-dollars as `1.50 USD`: at least two digits after the point, and as many as are needed.
pub fn show_microusd(microusd: u64) -> String {
    let mut part = format!("{:0DIGITS$}", microusd % MICRO);
    while part.len() > 2 && part.ends_with('0') {
        part.pop();
    }
    format!("{}.{part} USD", microusd / MICRO)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        for amount in [0, 1, 10_000, 1_500_000, 999_999, 1_234_567_891, u64::MAX] {
            assert_eq!(parse_microusd(&show_microusd(amount)), Ok(amount));
        }
        assert_eq!(parse_microusd(" 2 USD"), Ok(2_000_000));
        assert_eq!(parse_microusd("0.000001USD"), Ok(1));
        assert_eq!(show_microusd(1_500_000), "1.50 USD");
        assert_eq!(show_microusd(1), "0.000001 USD");
    }

    #[test]
    fn refuses_what_is_not_exact() {
        for text in [
            "",
            "1.50",
            "1,50 USD",
            "-1 USD",
            "1e3 USD",
            ".5 USD",
            "1. USD",
            "1.0000001 USD",
            "USD",
        ] {
            assert!(parse_microusd(text).is_err(), "{text:?}");
        }
        assert!(parse_microusd("18446744073710 USD").is_err());
    }
}
