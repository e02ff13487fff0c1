//! Values that a program wrote in place of one that it did not have, or could not
//! write.

/// What is wrong with a value that nobody means to be stored.
pub(crate) fn rule(field: &str, value: &str) -> Option<&'static str> {
    let is_name = matches!(field, "first_name" | "last_name");
    if MARKS.contains(&value) || !is_name && is_null(value) {
        return Some(NO_VALUE);
    }
    if is_spreadsheet_error(value) {
        return Some(SPREADSHEET_ERROR);
    }
    if !is_name {
        return None;
    }
    if value.starts_with("=\"") {
        Some(FORMULA)
    } else if !value.is_empty() && value.chars().all(|c| c == '?') {
        Some(QUESTION_MARKS)
    } else if has_escape(value) {
        Some(ESCAPE)
    } else {
        None
    }
}

/// What is odd about a name, which is sent all the same: it may be somebody's.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Oddity {
    Null,
    QuestionMark,
    WhiteSpace,
}

impl Oddity {
    pub(crate) const ALL: [Self; 3] = [Self::Null, Self::QuestionMark, Self::WhiteSpace];

    pub(crate) fn of(name: &str) -> Option<Self> {
        if is_null(name.trim()) {
            Some(Self::Null)
        } else if name.trim().len() < name.len() {
            Some(Self::WhiteSpace)
        } else if name.contains('?') {
            Some(Self::QuestionMark)
        } else {
            None
        }
    }

    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Null => "names that are NULL, NA, None, nan or the like, sent as they are",
            Self::QuestionMark => "names with a question mark, sent as they are",
            Self::WhiteSpace => "names with white space around them, sent as they are",
        }
    }
}

/// Whether a value is a program's word for none. Some are people's names.
fn is_null(value: &str) -> bool {
    NULLS.iter().any(|null| value.eq_ignore_ascii_case(null))
}

/// Whether a value is an error of a spreadsheet, in any language: `#N/A`, `#REF!`,
/// `#NOM?`; LibreOffice's `Err:502`; or the marks of a column that is too narrow.
fn is_spreadsheet_error(value: &str) -> bool {
    if let Some(rest) = value.strip_prefix("Err:") {
        return !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit());
    }
    let Some(rest) = value.strip_prefix('#') else {
        return false;
    };
    let is_error = |c: char| c.is_uppercase() || c.is_ascii_digit() || "#/_!? ".contains(c);
    !rest.is_empty() && rest.chars().all(is_error)
}

/// Whether a name has an escape of another format in it: `\u00e9`, `&amp;`, `%20`,
/// `=?utf-8?Q?..?=`, `=C3=A9`, `<U+00E9>`.
fn has_escape(name: &str) -> bool {
    let is_hex = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_hexdigit());
    let has = |start: char, is_escape: &dyn Fn(&str) -> bool| {
        let mut rest = name.split(start).skip(1);
        rest.any(is_escape)
    };
    has('\\', &|rest| {
        rest.chars()
            .next()
            .is_none_or(|c| "nrtbfv0123456789uUxN\"'/".contains(c))
    }) || has('%', &|rest| rest.get(..2).is_some_and(is_hex))
        || has('=', &|rest| {
            rest.get(..2).is_some_and(is_hex) || rest.starts_with('?')
        })
        || has('&', &|rest| {
            let name = rest.split_once(';').map(|(name, _)| name);
            let name = name.map(|name| name.trim_start_matches('#'));
            name.is_some_and(|name| {
                !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric())
            })
        })
        || has('<', &|rest| {
            let code = rest.split_once('>').map(|(code, _)| code);
            code.is_some_and(|code| is_hex(code.trim_start_matches("U+")))
        })
        || name.starts_with("b'") && name.ends_with('\'')
}

const NO_VALUE: &str = "is a program's mark for no value: leave the cell empty, or the key out";
const SPREADSHEET_ERROR: &str = "is an error of a spreadsheet, such as #N/A: correct it there";
const FORMULA: &str = "is a formula of a spreadsheet: write its value";
const QUESTION_MARKS: &str = "is question marks only: a program could not write its letters, \
    so write the file anew, as UTF-8";
const ESCAPE: &str = "has an escape such as \\u00e9, &amp; or %20: write the character itself";

/// Nobody's name, and never a value: of PostgreSQL and MySQL, pandas, DBeaver, JavaScript.
const MARKS: [&str; 7] = [
    "\\N",
    "<NA>",
    "<null>",
    "(null)",
    "[NULL]",
    "[null]",
    "[object Object]",
];

const NULLS: [&str; 9] = [
    "null",
    "na",
    "n/a",
    "none",
    "nan",
    "nat",
    "nil",
    "undefined",
    "(none)",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_program_wrote_is_no_name() {
        for (name, expected) in [
            ("\\N", NO_VALUE),
            ("<NA>", NO_VALUE),
            ("[object Object]", NO_VALUE),
            ("#N/A", SPREADSHEET_ERROR),
            ("#REF!", SPREADSHEET_ERROR),
            ("#DIV/0!", SPREADSHEET_ERROR),
            ("#ÜBERLAUF!", SPREADSHEET_ERROR),
            ("#NAME?", SPREADSHEET_ERROR),
            ("####", SPREADSHEET_ERROR),
            ("Err:502", SPREADSHEET_ERROR),
            ("=\"Jane\"", FORMULA),
            ("?", QUESTION_MARKS),
            ("???", QUESTION_MARKS),
            ("Zo\\u00eb", ESCAPE),
            ("Zo\\xc3\\xab", ESCAPE),
            ("Zo\\303\\253", ESCAPE),
            ("Line\\nBreak", ESCAPE),
            ("O\\'Neil", ESCAPE),
            ("Doe\\", ESCAPE),
            ("Smith &amp; Sons", ESCAPE),
            ("O&#39;Neil", ESCAPE),
            ("O&#x27;Neil", ESCAPE),
            ("Jane%20Ann", ESCAPE),
            ("=?utf-8?Q?Zo=C3=AB?=", ESCAPE),
            ("=?UTF-8?B?Wm/Dqw==?=", ESCAPE),
            ("Zo=C3=AB", ESCAPE),
            ("Zo<U+00EB>", ESCAPE),
            ("Zo<c3><ab>", ESCAPE),
            ("b'Jane'", ESCAPE),
        ] {
            assert_eq!(rule("first_name", name), Some(expected), "{name}");
        }
        for field in ["email", "phone_number", "date_of_birth"] {
            for value in ["\\N", "NULL", "NA", "n/a", "nan", "NaT", "None"] {
                assert_eq!(rule(field, value), Some(NO_VALUE), "{value}");
            }
            assert_eq!(rule(field, "#VALUE!"), Some(SPREADSHEET_ERROR));
        }
        assert_eq!(rule("email", "user%20x@example.com"), None);
    }

    #[test]
    fn people_have_names_of_many_kinds() {
        for name in [
            "Jane",
            "Null",
            "NA",
            "None",
            "nan",
            "O'Neil",
            "'t Hooft",
            "Müller",
            "王小明",
            "#1 Fan",
            "Smith & Sons",
            "Q&A Inc",
            "50% Off",
            "A=B",
            "<3",
            "Ann <Annie>",
            "C#",
            "Who?",
            "",
        ] {
            assert_eq!(rule("last_name", name), None, "{name}");
        }
    }

    #[test]
    fn odd_names_are_noted() {
        for (name, expected) in [
            ("NULL", Some(Oddity::Null)),
            ("na", Some(Oddity::Null)),
            (" None ", Some(Oddity::Null)),
            (" Jane", Some(Oddity::WhiteSpace)),
            ("Jane\u{A0}", Some(Oddity::WhiteSpace)),
            ("Jos?", Some(Oddity::QuestionMark)),
            ("Jane", None),
            ("Nana", None),
        ] {
            assert_eq!(Oddity::of(name), expected, "{name}");
        }
    }
}
