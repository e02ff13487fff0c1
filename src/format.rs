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
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
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
                let checked = match self {
                    _ if value.is_empty() => Err("must not be empty: leave the field out to keep its value"),
                    $(Self::$variant => $check(&value).map(drop)),+
                };
                checked.map(|()| value).of(self.name())
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

/// Turns the rule of a check that failed into a violation of a field.
pub(crate) trait OfField<T> {
    fn of(self, field: &'static str) -> Result<T, Violation>;
}

impl<T> OfField<T> for Result<T, Rule> {
    fn of(self, field: &'static str) -> Result<T, Violation> {
        self.map_err(|rule| Violation::new(field, rule))
    }
}

/// Whether a value is written like `shape`, in which `0` stands for any digit, `A` for
/// any capital and `a` for any small letter of ASCII.
pub(crate) fn has_shape(value: &str, shape: &str) -> bool {
    let class = |byte: u8| match byte {
        b'0'..=b'9' => b'0',
        b'A'..=b'Z' => b'A',
        b'a'..=b'z' => b'a',
        _ => byte,
    };
    value.bytes().map(class).eq(shape.bytes())
}

/// Whether a value is of 1 to `max` bytes, all of which are valid.
fn has_bytes(value: &str, max: usize, is_valid: impl Fn(u8) -> bool) -> bool {
    (1..=max).contains(&value.len()) && value.bytes().all(is_valid)
}

/// Whether a text starts with another, in any case.
pub(crate) fn starts_with(text: &str, start: &str) -> bool {
    let head = text.get(..start.len());
    head.is_some_and(|head| head.eq_ignore_ascii_case(start))
}

pub(crate) const NOT_UTF8: Rule = "must be UTF-8";

/// What to say first of a value that is wrong: what was pasted along with it.
pub(crate) fn check_bare(value: &str) -> Result<(), Rule> {
    const QUOTES: &[char] = &['"', '\'', '`', '‘', '’', '“', '”'];
    if value.is_empty() {
        Err("must not be empty")
    } else if value.trim().len() < value.len() {
        Err("must be the bare value: drop the white space or line break around it")
    } else if value.starts_with('\u{FEFF}') {
        Err("must be the bare value: drop the byte order mark before it")
    } else if value.len() > 1 && value.starts_with(QUOTES) && value.ends_with(QUOTES) {
        Err("must be the bare value: drop the quotes around it")
    } else {
        Ok(())
    }
}

/// A customer's id: `cus_` and 1 to 128 ASCII letters or digits.
///
/// Ids are 32 characters after the prefix today. Nothing promises that, so a
/// longer one passes; what a URL path would read differently does not.
pub(crate) fn id(value: &str) -> Result<(), Rule> {
    let rest = value.strip_prefix("cus_").unwrap_or_default();
    if has_bytes(rest, 128, |b| b.is_ascii_alphanumeric()) {
        return Ok(());
    }
    check_bare(value)?;
    let unbracketed = value.trim_start_matches(['{', '<', '[', '(']);
    Err(if value.starts_with("cus_") {
        "must be `cus_` and 1 to 128 ASCII letters or digits"
    } else if unbracketed.starts_with("cus_") {
        "must be the bare value: drop the brackets around it"
    } else if value.contains(['{', '}', '$']) {
        // `{id}` stands in the URL of the API's page; `$ID` is a shell's.
        "must be a customer id: this is a template with nothing filled in"
    } else {
        "must be the Soap customer id, `cus_` and 1 to 128 letters or digits; \
         an internal_id is not one"
    })
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
    let is_local = |b: u8| b.is_ascii_alphanumeric() || b".!#$%&'*+/=?^_`{|}~-".contains(&b);
    let (local, domain) = value.split_once('@').unwrap_or_default();
    if has_bytes(local, 254, is_local) && domain.split('.').all(is_label) {
        return Ok(());
    }
    check_bare(value)?;
    Err(email_hint(value))
}

fn email_hint(value: &str) -> Rule {
    match value.rsplit_once('@') {
        _ if starts_with(value, "mailto:") => {
            "must be a bare address: drop `mailto:` and any `?` part, and decode each %XX"
        }
        _ if value.contains(['<', '>']) => "must be a bare address: drop the name and the `<>`",
        _ if value.contains([',', ';']) => "must be one address without comma: is a dot meant?",
        None => "must be an e-mail address, like customer@example.com: there is no `@`",
        Some((_, domain)) if !domain.is_ascii() => {
            "must have a domain in ASCII: check it for dashes, quotes and look-alike letters, \
             else use its xn-- form by IDNA 2008"
        }
        Some((local, _)) if !local.is_ascii() => "must be ASCII before the `@`",
        Some(_) => {
            "must be an e-mail address as HTML defines it, like customer@example.com: no space, \
             quote, bracket, colon or second `@`, and no empty part; in the domain no `_` or other \
             sign, no hyphen at the edge of a part, and no part over 63 bytes"
        }
    }
}

/// A label of a host name: letters, digits and inner hyphens, at most 63.
pub(crate) fn is_label(label: &str) -> bool {
    let is_inner = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    // RFC 1035, 2.3.4; HTML's pattern for e-mail addresses has the same limit.
    has_bytes(label, 63, is_inner) && !label.starts_with('-') && !label.ends_with('-')
}

/// Exactly 10 ASCII digits, as the API's page has it.
///
/// Area codes and exchanges are not looked at: the page's own examples break
/// the rules of the North American Numbering Plan.
pub(crate) fn phone_number(value: &str) -> Result<(), Rule> {
    if has_shape(value, "0000000000") {
        return Ok(());
    }
    check_bare(value)?;
    let digits: String = value.chars().filter(char::is_ascii_digit).collect();
    let code = digits.len().saturating_sub(10);
    // Between groups alone: in other places a point is a decimal one, and the digits
    // alone would be another number.
    let mut seen = 0;
    let is_grouped = value.chars().all(|c| {
        seen += usize::from(c.is_ascii_digit());
        let is_edge = [0, code, code + 3, code + 6, code + 10].contains(&seen);
        c.is_ascii_digit() || is_edge && " +-.()".contains(c)
    });
    let is_american = is_grouped && digits.len() == 11 && digits.starts_with('1');
    Err(if is_american {
        "must be exactly 10 digits: drop the country code, and write the digits alone"
    } else if value.starts_with('+') || value.starts_with("00") {
        "must be exactly 10 digits: of country codes only +1 can be dropped"
    } else if is_grouped && digits.len() == 10 {
        "must be exactly 10 digits: write the digits alone, with nothing between or around them"
    } else if value.ends_with(".0") {
        "must be exactly 10 digits: drop the `.0`, and see whether a zero at the front is lost"
    } else {
        "must be exactly 10 digits of 0 to 9, like 5551234567"
    })
}

/// A valid calendar date as exactly `YYYY-MM-DD`, years 0001 to 9999.
///
/// Strict for a reason: a Rails date column turns `1990-02-30` into NULL and
/// `01/02/1990` into the 1st of February, and responds with 200. No clock is read.
pub(crate) fn date_of_birth(value: &str) -> Result<Date, Rule> {
    match calendar_date(value) {
        Some(date) if date.year() > 0 => Ok(date),
        // The calendar has none, and databases write it for "no date".
        Some(_) => Err("must have a year from 0001 to 9999"),
        None if has_shape(value, "0000-00-00") => Err(NO_DATE),
        None => check_bare(value).and_then(|()| Err(date_hint(value))),
    }
}

/// The date that a value of exactly `YYYY-MM-DD` stands for, if there is one.
fn calendar_date(value: &str) -> Option<Date> {
    // Not by time's own parsers: they take signs, spaces and other digits as well.
    let is_written = has_shape(value, "0000-00-00");
    let [year, month, day] = is_written.then(|| [&value[..4], &value[5..7], &value[8..]])?;
    let month = Month::try_from(month.parse::<u8>().ok()?).ok()?;
    Date::from_calendar_date(year.parse().ok()?, month, day.parse().ok()?).ok()
}

fn date_hint(value: &str) -> Rule {
    if let Some((day, time)) = value.split_at_checked(10)
        && calendar_date(day).is_some()
        && let Some(time) = time.strip_prefix(['T', 't', ' '])
    {
        // SheetJS in Berlin writes `1990-01-01T23:00:00.000Z` for 1990-01-02.
        let clock = time.split(['Z', 'z', '+', '-', ' ']).next();
        return if clock.is_some_and(|clock| clock.bytes().all(|b| b"0:.".contains(&b))) {
            "must be written YYYY-MM-DD: drop the time that follows the day"
        } else {
            "must be written YYYY-MM-DD: look up the day, since a time zone may have moved it"
        };
    }
    let digits = value.replace(is_dash, "");
    if value.contains(['/', '.']) {
        "must be written YYYY-MM-DD, year first: 02/03/1990 means two different days"
    } else if has_shape(&digits, "00000000")
        && calendar_date(&[&digits[..4], &digits[4..6], &digits[6..]].join("-")).is_some()
    {
        "must be written YYYY-MM-DD, with two plain hyphens `-`"
    } else {
        "must be a date written YYYY-MM-DD, like 1990-01-31"
    }
}

/// Whether it is a hyphen, or what word processors make of one.
pub(crate) fn is_dash(c: char) -> bool {
    matches!(c, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}')
}

/// A first or last name: at least one visible character, at most 255 characters,
/// none of which breaks a line or stands for a failed decoding. Not trimmed.
pub(crate) fn name(value: &str) -> Result<(), Rule> {
    // What a string column of Rails holds on MySQL. Characters, as databases count.
    if value.chars().count() > 255 {
        Err("must be at most 255 characters long")
    } else if value.contains('\u{FFFD}') {
        // It shows that the name is lost already: stored, nobody could restore it.
        Err("must not contain U+FFFD, the mark of a failed decoding: \
             read its source in its own encoding, often Windows-1252")
    } else if value.contains(|c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')) {
        Err("must not contain a control character or line break")
    } else if value.chars().all(|c| c.is_whitespace() || is_invisible(c)) {
        Err("must contain at least one visible character: \
             leave the field out to keep the name as it is")
    } else {
        Ok(())
    }
}

const NO_DATE: Rule =
    "must be a valid calendar date: there is no such month, or the month has no such day";

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
pub(crate) fn api_key(value: String) -> Result<String, Rule> {
    // Before the space in it is complained of, which says less.
    if starts_with(&value, "bearer ") {
        return Err("must be the bare key: drop `Bearer `, which `auth_scheme` decides on");
    }
    check_bare(&value)?;
    // Servers limit a header line: Apache and nginx to 8 KiB.
    if value.len() > 8192 {
        Err("must be at most 8192 bytes long")
    } else if !is_visible(&value) {
        Err("must be visible ASCII characters only: no space, control or other character")
    } else {
        Ok(value)
    }
}

/// Whether a value is of visible ASCII characters, without spaces.
pub(crate) fn is_visible(value: &str) -> bool {
    value.bytes().all(|b| b.is_ascii_graphic())
}

/// The product put before the crate's own in `User-Agent`: 1 to 256 bytes of
/// printable ASCII.
pub(crate) fn user_agent(value: &str) -> Result<(), Rule> {
    has_bytes(value, 256, |b| matches!(b, 0x20..=0x7E))
        .then_some(())
        .ok_or("must be 1 to 256 printable ASCII characters")
}

/// The name of a header: a token of RFC 9110, 5.6.2.
pub(crate) fn header_name(name: &str) -> Result<(), Rule> {
    let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    // All headers together may have no more. HeaderName fails from 64 KiB on.
    has_bytes(name, 8192, is_token)
        .then_some(())
        .ok_or("must have a name of 1 to 8192 letters, digits and !#$%&'*+-.^_`|~ only")
}

/// A header whose name is a token: one that a caller may set, with visible
/// ASCII, spaces and tabs for a value.
///
/// `_` counts as `-`, since servers that follow CGI cannot tell them apart.
pub(crate) fn header(name: &str, value: &str) -> Result<(), Rule> {
    let name = name.to_ascii_lowercase().replace('_', "-");
    let is_owned = |owned: &str| match owned.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == owned,
    };
    match name.as_str() {
        "authorization" => Err("must not be set: the client sends the API key in it"),
        "proxy-authorization" => Err("must not be set: `proxy` takes a user name and password"),
        "user-agent" => Err("must not be set: `user_agent` is the setting for it"),
        // ureq acts on some of these too: by `transfer-encoding` it frames the body,
        // and by `expect` it waits for a 100 before it sends one.
        _ if OWNED.split(' ').any(is_owned) => {
            Err("must not be set: HTTP or the client owns it, or it would change what a call means")
        }
        _ if !value.bytes().all(|b| matches!(b, b'\t' | 0x20..=0x7E)) => {
            Err("must have a value of visible ASCII characters, spaces and tabs only")
        }
        _ => Ok(()),
    }
}

/// `*` stands for any end of a name.
const OWNED: &str = "accept accept-encoding connection content-* cookie expect host \
                     idempotency-key if-* keep-alive proxy-* range te trailer \
                     transfer-encoding upgrade x-http-method x-http-method-override \
                     x-method-override";
