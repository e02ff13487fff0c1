use std::error::Error;

use paywithsoap::CustomerPatch;

fn read(text: &str) -> Result<CustomerPatch, Box<dyn Error>> {
    // The message alone: the error as a whole shows the faulty line.
    let patch: CustomerPatch = toml::from_str(text).map_err(|error| error.message().to_owned())?;
    patch.validate()?;
    Ok(patch)
}

#[test]
fn no_error_shows_a_value() {
    let patch = read("first_name = \"Jane\"\ndate_of_birth = \"1987-06-05\"").unwrap();
    let json = r#"{"first_name":"Jane","date_of_birth":"1987-06-05"}"#;
    assert_eq!(patch.to_json().unwrap(), json);

    for text in [
        "",
        "date_of_birth = 1987-06-05",
        "email = [\"jane@example.com\"]",
        "email = \"jane@\"",
        "email = \"jane@example.com",
        "email = \"jane@example.com\"\nemail = \"jane@example.org\"",
        "email = \"jane@example.com\\q\"",
        "email = jane@example.com",
        "emial = \"jane@example.com\"",
        "jane@example.com",
        "1987-06-05",
        "\"1987-06-05\" = 1",
    ] {
        let error = read(text).unwrap_err();
        for value in ["jane", "1987"] {
            assert!(!format!("{error}, {error:?}").contains(value), "{error:?}");
        }
    }
}
