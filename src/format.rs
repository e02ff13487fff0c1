//! The formats: what each setting and each body field must look like.
//!
//! Every check is a pure function of bytes: the shape first, the meaning after
//! it. A check that fails returns the rule as a constant, so that no
//! message can ever hold the value.

use std::fmt;
use std::ops::RangeInclusive;

use time::{Date, Month};

/// One thing that is wrong with a setting, an id or a patch.
///
/// Its [`Display`](fmt::Display) is [`field`](Self::field) and [`rule`](Self::rule),
/// with the name of the header between them where the field is `header`. None of
/// them holds the value that was rejected.
///
/// # Example
///
/// ```
/// use paywithsoap::CustomerPatch;
///
/// let error = CustomerPatch::new().phone_number("+1 555 123 4567").validate().unwrap_err();
/// let [violation] = error.violations() else { panic!() };
/// assert_eq!(violation.field(), "phone_number");
/// assert_eq!(
///     violation.rule(),
///     "must be exactly 10 digits: drop the country code, and write the digits alone"
/// );
/// assert_eq!(violation.to_string(), format!("{} {}", violation.field(), violation.rule()));
/// ```
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct Violation {
    field: &'static str,
    /// Which header it is about, where the field may be set many times.
    name: Option<Box<str>>,
    rule: &'static str,
}

impl Violation {
    pub(crate) const fn new(field: &'static str, rule: &'static str) -> Self {
        Self {
            field,
            name: None,
            rule,
        }
    }

    /// A violation of one of many values of a field. The message shows `name`.
    pub(crate) fn named(field: &'static str, name: &str, rule: &'static str) -> Self {
        Self {
            name: Some(name.into()),
            ..Self::new(field, rule)
        }
    }

    /// Returns the name of the field, setting or environment variable: `phone_number`,
    /// `base_url`, `SOAP_API_KEY`; `id` for a customer's id, and `patch` for a patch
    /// that sets no field.
    #[must_use]
    pub fn field(&self) -> &'static str {
        self.field
    }

    /// Returns what the value must be, without the field's name, and how to fix it
    /// where the mistake is obvious: `must be exactly 10 digits, like 5551234567`.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        self.rule
    }
}

impl fmt::Debug for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Violation");
        debug.field("field", &self.field);
        if let Some(name) = &self.name {
            debug.field("name", name);
        }
        debug.field("rule", &self.rule).finish()
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{} {name} {}", self.field, self.rule),
            None => write!(f, "{} {}", self.field, self.rule),
        }
    }
}

/// Hands the fields that the API can change to a macro, in the order of its page: the
/// one list of them. Each has its setter's documentation, its variant of [`Field`], its
/// name and its check.
macro_rules! with_fields {
    ($macro:ident) => {
        $macro! {
            /// Sets the e-mail address, which must be unique within the business.
            ///
            /// The format is a [valid e-mail address] of the HTML Living Standard, the same as
            /// Ruby's `URI::MailTo::EMAIL_REGEXP`, of at most 254 bytes (RFC 5321). It is
            /// neither trimmed nor lower-cased.
            ///
            /// [valid e-mail address]: https://html.spec.whatwg.org/multipage/input.html#valid-e-mail-address
            Email email: email,

            /// Sets the first name.
            ///
            /// The format is 1 to 255 characters, at least one of them visible: neither white
            /// space nor of Unicode's `Default_Ignorable_Code_Point`. There is no control
            /// character, line separator or U+FFFD. It is not trimmed.
            FirstName first_name: name,

            /// Sets the last name, of the format of [`first_name`](Self::first_name).
            LastName last_name: name,

            /// Sets the phone number, which must be unique within the business.
            ///
            /// The format is exactly 10 ASCII digits, without country code, as the API
            /// documents it. Area codes are not looked at: the API's own examples break the
            /// rules of the North American Numbering Plan.
            PhoneNumber phone_number: phone_number,

            /// Sets the date of birth.
            ///
            /// The format is a valid calendar date as `YYYY-MM-DD`, years 0001 to 9999. Whether
            /// the date is plausible is not looked at.
            DateOfBirth date_of_birth: date_of_birth,
        }
    };
}

pub(crate) use with_fields;

macro_rules! field {
    ($($(#[$doc:meta])* $variant:ident $name:ident: $check:ident,)+) => {
        /// A field that the API can change.
        #[derive(Clone, Copy, Eq, PartialEq)]
        pub(crate) enum Field {
            $($variant),+
        }

        impl Field {
            pub(crate) const ALL: [Self; [$(stringify!($name)),+].len()] = [$(Self::$variant),+];

            pub(crate) fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => stringify!($name)),+
                }
            }

            /// Returns the value if it has the field's format.
            pub(crate) fn check(self, value: String) -> Result<String, Violation> {
                let rule = match self {
                    $(Self::$variant => $check(&value).err()),+
                };
                match rule {
                    None => Ok(value),
                    Some(rule) => Err(Violation::new(self.name(), rule)),
                }
            }
        }
    };
}

with_fields!(field);

impl Field {
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.name() == name)
    }

    /// Finds a field by its letters: `phoneNumber`, `Phone number`, `PHONE-NUMBER`.
    pub(crate) fn from_spelling(name: &str) -> Option<Self> {
        fn letters(name: &str) -> impl Iterator<Item = u8> {
            let bytes = name.bytes().map(|byte| byte.to_ascii_lowercase());
            bytes.filter(|byte| byte.is_ascii_alphanumeric() || !byte.is_ascii())
        }
        Self::ALL
            .into_iter()
            .find(|field| letters(field.name()).eq(letters(name)))
    }
}

/// The key of the map as which `serde_json` passes a number where a crate in the
/// graph enables its `arbitrary_precision`.
pub(crate) const NUMBER_KEY: &str = "$serde_json::private::Number";

/// What a value must be, without the field's name.
pub(crate) type Rule = &'static str;

/// Whether a value is written like `shape`, in which `0` stands for any digit, `A` for
/// any capital and `a` for any small letter of ASCII.
pub(crate) fn has_shape(value: &str, shape: &str) -> bool {
    let is_like = |(byte, like): (u8, u8)| match like {
        b'0' => byte.is_ascii_digit(),
        b'A' => byte.is_ascii_uppercase(),
        b'a' => byte.is_ascii_lowercase(),
        _ => byte == like,
    };
    value.len() == shape.len() && value.bytes().zip(shape.bytes()).all(is_like)
}

pub(crate) const NOT_UTF8: Rule = "must be UTF-8";

/// A customer's id: `cus_` and 1 to 128 ASCII letters or digits.
///
/// Ids are 32 characters after the prefix today. Nothing promises that, so a
/// longer one passes; what a URL path would read differently does not.
pub(crate) fn id(value: &str) -> Result<(), Rule> {
    let Some(rest) = value.strip_prefix("cus_") else {
        return Err(if value.trim().starts_with("cus_") {
            "must be the bare customer id: drop the white space around it"
        } else if value.contains(['{', '}', '$']) {
            // `{id}` stands in the URL of the API's page; `$ID` is a shell's.
            "must be a customer id, `cus_` and 1 to 128 letters or digits: \
             this is a template with nothing filled in"
        } else {
            "must be the Soap customer id, `cus_` and 1 to 128 letters or digits; \
             an internal_id is not one"
        });
    };
    if !(1..=128).contains(&rest.len()) || !rest.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Err(if value.trim().len() < value.len() {
            "must be the bare customer id: drop the white space around it"
        } else {
            "must be `cus_` and 1 to 128 ASCII letters or digits"
        });
    }
    Ok(())
}

/// An e-mail address by the grammar of the HTML Living Standard, at most 254
/// bytes.
///
/// <https://html.spec.whatwg.org/multipage/input.html#valid-e-mail-address>;
/// Ruby's `URI::MailTo::EMAIL_REGEXP` is the same. No list of domains, no dot
/// needed, nothing trimmed or lower-cased.
pub(crate) fn email(value: &str) -> Result<(), Rule> {
    // RFC 5321, 4.5.3.1.3, less the angle brackets of the path.
    if value.len() > 254 {
        return Err("must be at most 254 bytes long");
    }
    let valid = value.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty()
            && local
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b".!#$%&'*+/=?^_`{|}~-".contains(&b))
            && domain.split('.').all(is_label)
    });
    if valid {
        Ok(())
    } else {
        Err(email_hint(value))
    }
}

fn email_hint(value: &str) -> Rule {
    if value.is_empty() {
        "must not be empty: leave the field out to keep the address as it is"
    } else if value.trim().len() < value.len() {
        "must be a bare e-mail address: drop the white space around it"
    } else if value.starts_with("mailto:") {
        "must be a bare e-mail address: drop `mailto:`"
    } else if value.contains(['<', '>']) {
        "must be a bare e-mail address: drop the name and the angle brackets"
    } else if value.contains([',', ';']) {
        "must be one e-mail address: no list, and no comma or semicolon"
    } else {
        match value.rsplit_once('@') {
            None => "must be an e-mail address, like customer@example.com: there is no `@`",
            Some((_, domain)) if !domain.is_ascii() => {
                "must have a domain in ASCII: use its xn-- form"
            }
            Some((local, _)) if !local.is_ascii() => "must be ASCII before the `@`",
            Some(_) => {
                "must be an e-mail address as HTML defines it, like customer@example.com: \
                 no quotes, spaces, brackets, second `@` or empty part of the domain"
            }
        }
    }
}

/// A label of a host name: letters, digits and inner hyphens, at most 63.
pub(crate) fn is_label(label: &str) -> bool {
    // RFC 1035, 2.3.4; HTML's pattern for e-mail addresses has the same limit.
    (1..=63).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// Exactly 10 ASCII digits, as the API's page has it.
///
/// Area codes and exchanges are not looked at: the page's own examples break
/// the rules of the North American Numbering Plan.
pub(crate) fn phone_number(value: &str) -> Result<(), Rule> {
    if has_shape(value, "0000000000") {
        return Ok(());
    }
    // From here on the number is wrong, and only the hint is still to be found.
    let digits: String = value.chars().filter(char::is_ascii_digit).collect();
    let is_number_char = |c: char| c.is_ascii_digit() || " +-.()".contains(c);
    Err(if value.is_empty() {
        "must not be empty: leave the field out to keep the number as it is"
    } else if value.chars().all(is_number_char) && digits.len() == 11 && digits.starts_with('1') {
        "must be exactly 10 digits: drop the country code, and write the digits alone"
    } else if value.starts_with('+') || value.starts_with("00") {
        "must be exactly 10 digits without a country code"
    } else if digits.len() == 10 {
        "must be exactly 10 digits: write the digits alone, with nothing between or around them"
    } else if value.chars().any(|c| c.is_numeric() && !c.is_ascii()) {
        "must be exactly 10 digits, of 0 to 9"
    } else {
        "must be exactly 10 digits, like 5551234567"
    })
}

/// A valid calendar date as exactly `YYYY-MM-DD`, years 0001 to 9999.
///
/// Strict for a reason: a Rails date column turns `1990-02-30` into NULL and
/// `01/02/1990` into the 1st of February, and responds with 200. No clock is read.
pub(crate) fn date_of_birth(value: &str) -> Result<Date, Rule> {
    // Not time's own parsers: they take signs, spaces and other digits as well.
    if !has_shape(value, "0000-00-00") {
        return Err(date_hint(value));
    }
    let bytes = value.as_bytes();
    let number = |range: std::ops::Range<usize>| {
        bytes[range]
            .iter()
            .fold(0_u16, |n, digit| n * 10 + u16::from(digit - b'0'))
    };
    let (year, month, day) = (number(0..4), number(5..7), number(8..10));
    // The calendar has none, and databases write it for "no date".
    if year == 0 {
        return Err("must have a year from 0001 to 9999");
    }
    u8::try_from(month)
        .ok()
        .and_then(|month| Month::try_from(month).ok())
        .zip(u8::try_from(day).ok())
        .and_then(|(month, day)| Date::from_calendar_date(year.into(), month, day).ok())
        .ok_or(
            "must be a valid calendar date: there is no such month, or the month has no such day",
        )
}

fn date_hint(value: &str) -> Rule {
    if value.is_empty() {
        "must not be empty: leave the field out to keep the date as it is"
    } else if value.trim().len() < value.len() {
        "must be written YYYY-MM-DD: drop the white space around it"
    } else if value.len() > 10
        // Of more than ten bytes only: of exactly ten, the check would ask for
        // this hint again, without end.
        && value
            .get(..10)
            .is_some_and(|day| date_of_birth(day).is_ok())
    {
        "must be written YYYY-MM-DD: drop what follows the day, such as a time"
    } else if value.contains(['/', '.']) {
        "must be written YYYY-MM-DD, year first and with hyphens: \
         02/03/1990 means two different days"
    } else if value.contains(['\u{2010}', '\u{2011}', '\u{2013}', '\u{2212}']) {
        "must be written YYYY-MM-DD with the plain hyphen `-`"
    } else if has_shape(value, "00000000") {
        "must be written YYYY-MM-DD: put hyphens between year, month and day"
    } else {
        "must be a date written YYYY-MM-DD, like 1990-01-31"
    }
}

/// A first or last name: at least one visible character, at most 255 characters,
/// none of which breaks a line or stands for a failed decoding. Not trimmed.
pub(crate) fn name(value: &str) -> Result<(), Rule> {
    // What a string column of Rails holds on MySQL. Characters, as databases count.
    if value.chars().count() > 255 {
        return Err("must be at most 255 characters long");
    }
    // It shows that the name is lost already: stored, nobody could restore it.
    if value.contains('\u{FFFD}') {
        return Err(
            "must not contain U+FFFD, the mark of a failed decoding: read its source as UTF-8",
        );
    }
    if value.contains(|c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')) {
        return Err("must not contain a control character or line break");
    }
    if value.chars().all(|c| c.is_whitespace() || is_invisible(c)) {
        return Err("must contain at least one visible character: \
                    leave the field out to keep the name as it is");
    }
    Ok(())
}

/// Whether nothing is seen of a character. U+2800 is the braille pattern without
/// dots, which Unicode has among the symbols.
fn is_invisible(c: char) -> bool {
    c == '\u{2800}' || DEFAULT_IGNORABLE.iter().any(|range| range.contains(&c))
}

/// Unicode's `Default_Ignorable_Code_Point`, from `DerivedCoreProperties.txt` of
/// Unicode 17.0.0, which has the same as 14.0.0: the last range is reserved for what
/// may come.
#[rustfmt::skip]
const DEFAULT_IGNORABLE: [RangeInclusive<char>; 17] = [
    '\u{AD}'..='\u{AD}', '\u{34F}'..='\u{34F}', '\u{61C}'..='\u{61C}', '\u{115F}'..='\u{1160}',
    '\u{17B4}'..='\u{17B5}', '\u{180B}'..='\u{180F}', '\u{200B}'..='\u{200F}',
    '\u{202A}'..='\u{202E}', '\u{2060}'..='\u{206F}', '\u{3164}'..='\u{3164}',
    '\u{FE00}'..='\u{FE0F}', '\u{FEFF}'..='\u{FEFF}', '\u{FFA0}'..='\u{FFA0}',
    '\u{FFF0}'..='\u{FFF8}', '\u{1BCA0}'..='\u{1BCA3}', '\u{1D173}'..='\u{1D17A}',
    '\u{E0000}'..='\u{E0FFF}',
];

/// An API key: 1 to 8192 visible ASCII characters, without `Bearer `.
pub(crate) fn api_key(value: &str) -> Result<(), Rule> {
    if value.is_empty() {
        return Err("must not be empty");
    }
    // Before the space in it is complained of, which says less.
    if value
        .get(..7)
        .is_some_and(|s| s.eq_ignore_ascii_case("bearer "))
    {
        return Err("must be the bare key: drop `Bearer `, which the client adds itself");
    }
    // Servers limit a header line: Apache and nginx to 8 KiB.
    if value.len() > 8192 {
        return Err("must be at most 8192 bytes long");
    }
    if value.trim().len() < value.len() {
        return Err("must be the bare key: drop the white space or line break around it");
    }
    if !value.bytes().all(|b| (0x21..=0x7E).contains(&b)) {
        return Err("must be visible ASCII characters only: no space, control or other character");
    }
    Ok(())
}

/// The product put before the crate's own in `User-Agent`: 1 to 256 bytes of
/// printable ASCII.
pub(crate) fn user_agent(value: &str) -> Result<(), Rule> {
    if (1..=256).contains(&value.len()) && value.bytes().all(|b| (0x20..=0x7E).contains(&b)) {
        Ok(())
    } else {
        Err("must be 1 to 256 printable ASCII characters")
    }
}

/// The name of a header: a token of RFC 9110, 5.6.2.
pub(crate) fn header_name(name: &str) -> Result<(), Rule> {
    let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if name.is_empty() || !name.bytes().all(is_token) {
        return Err("must have a name of letters, digits and !#$%&'*+-.^_`|~ only");
    }
    // All headers together may have no more. HeaderName fails from 64 KiB on.
    if name.len() > 8192 {
        return Err("must have a name of at most 8192 bytes");
    }
    Ok(())
}

/// A header whose name is a token: one that a caller may set, with visible
/// ASCII, spaces and tabs for a value.
///
/// `_` counts as `-`, since servers that follow CGI cannot tell them apart.
pub(crate) fn header(name: &str, value: &str) -> Result<(), Rule> {
    let name = name.to_ascii_lowercase().replace('_', "-");
    // ureq acts on some of these too: by `transfer-encoding` it frames the body,
    // and by `expect` it waits for a 100 before it sends one.
    match name.as_str() {
        "authorization" => Err("must not be set: the client sends the API key in it"),
        "user-agent" => Err("must not be set: `user_agent` is the setting for it"),
        "accept"
        | "accept-encoding"
        | "connection"
        | "cookie"
        | "expect"
        | "host"
        | "idempotency-key"
        | "keep-alive"
        | "range"
        | "te"
        | "trailer"
        | "transfer-encoding"
        | "upgrade"
        | "x-http-method-override" => Err(OWNED),
        name if OWNED_PREFIXES.iter().any(|prefix| name.starts_with(prefix)) => Err(OWNED),
        _ if !value.bytes().all(|b| matches!(b, b'\t' | 0x20..=0x7E)) => {
            Err("must have a value of visible ASCII characters, spaces and tabs only")
        }
        _ => Ok(()),
    }
}

const OWNED: Rule = "must not be set: HTTP or the client owns it, \
                     or it would change what a call means";
const OWNED_PREFIXES: [&str; 3] = ["content-", "if-", "proxy-"];
