//! A name goes out as it is, or not at all.
#![no_main]

use libfuzzer_sys::fuzz_target;
use paywithsoap::CustomerPatch;
use serde_json::json;

fuzz_target!(|name: &str| {
    let expected = name.chars().count() <= 255
        && name.chars().any(|c| !c.is_whitespace() && !is_invisible(c))
        && !name.contains(|c: char| c.is_control() || "\u{2028}\u{2029}\u{fffd}".contains(c));
    let first = CustomerPatch::new().first_name(name).to_json();
    assert_eq!(
        first.ok(),
        expected.then(|| json!({ "first_name": name }).to_string())
    );
    let last = CustomerPatch::new().last_name(name).to_json();
    assert_eq!(
        last.ok(),
        expected.then(|| json!({ "last_name": name }).to_string())
    );
});

/// `Default_Ignorable_Code_Point`, and the empty braille pattern.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}'..='\u{1160}' | '\u{17B4}'..='\u{17B5}'
            | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{2800}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}'
            | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFF8}' | '\u{1BCA0}'..='\u{1BCA3}'
            | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}'
    )
}
