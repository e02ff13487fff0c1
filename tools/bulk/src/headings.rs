//! The headings that people's files have: what they mean to this tool.

/// The columns that there are, and the keys in JSON Lines: the id, then the fields.
pub(crate) const NAMES: [&str; 6] = [
    "id",
    "email",
    "first_name",
    "last_name",
    "phone_number",
    "date_of_birth",
];

/// The name of the column of reasons, which `--failures` adds.
pub(crate) const REASON: &str = "reason";

/// The name that is this text.
pub(crate) fn name_of(text: &str) -> Option<&'static str> {
    NAMES.into_iter().find(|name| *name == text)
}

/// What a heading seems to hold, to be asked for and never to be acted on.
pub(crate) fn guess(heading: &str) -> Option<&'static str> {
    let heading = letters(heading);
    let known = KNOWN.iter().find(|(known, _)| *known == heading);
    known.map(|(_, name)| *name)
}

/// Whether a heading or key is one that only Stripe's exports have. Its customers'
/// ids have the form of ours.
pub(crate) fn is_stripe(heading: &str) -> bool {
    let heading = heading.trim().to_ascii_lowercase();
    STRIPE.contains(&&*heading) || heading.starts_with("card.") || heading.ends_with(" (metadata)")
}

fn letters(heading: &str) -> String {
    let letters = heading.chars().filter(|c| c.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

/// Headings by their letters, and the name of what they hold. Nobody's address,
/// name of a company, or whole name, which cannot be cut in two.
#[rustfmt::skip]
const KNOWN: [(&str, &str); 38] = [
    ("id", "id"),
    ("customerid", "id"),           // Shopify
    ("recordid", "id"),             // HubSpot
    ("soapid", "id"),
    ("soapcustomerid", "id"),
    ("email", "email"),
    ("emailaddress", "email"),      // Mailchimp
    ("customeremail", "email"),
    ("email1value", "email"),       // Google Contacts
    ("mail", "email"),
    ("mainemail", "email"),         // QuickBooks Desktop
    ("firstname", "first_name"),    // Shopify, HubSpot, Mailchimp, Salesforce
    ("forename", "first_name"),
    ("fname", "first_name"),        // Mailchimp's merge tag
    ("givenname", "first_name"),
    ("lastname", "last_name"),
    ("familyname", "last_name"),
    ("lname", "last_name"),
    ("surname", "last_name"),
    ("phonenumber", "phone_number"),
    ("phone", "phone_number"),      // Shopify, Salesforce, QuickBooks
    ("cellphone", "phone_number"),
    ("customerphone", "phone_number"),
    ("mainphone", "phone_number"),
    ("mobile", "phone_number"),
    ("mobilenumber", "phone_number"),
    ("mobilephone", "phone_number"),
    ("mobilephonenumber", "phone_number"),
    ("phone1value", "phone_number"),
    ("tel", "phone_number"),
    ("telephone", "phone_number"),
    ("telephonenumber", "phone_number"),
    ("dateofbirth", "date_of_birth"),
    ("birthdate", "date_of_birth"), // Salesforce
    ("birthday", "date_of_birth"),  // Mailchimp
    ("bday", "date_of_birth"),
    ("birth", "date_of_birth"),
    ("dob", "date_of_birth"),
];

/// The dashboard's headings, then those of an export for a migration, then the
/// keys of the API's objects.
const STRIPE: [&str; 17] = [
    "created (utc)",
    "created date (utc)",
    "card id",
    "card last4",
    "card exp month",
    "card exp year",
    "card fingerprint",
    "card cvc status",
    "card avs zip status",
    "card avs line1 status",
    "card issue country",
    "card tokenization method",
    "delinquent",
    "default_source",
    "invoice_prefix",
    "livemode",
    "tax_exempt",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_of_exports_are_recognised() {
        for (heading, name) in [
            ("Customer ID", Some("id")),
            ("E-mail", Some("email")),
            ("E-MAIL ADDRESS", Some("email")),
            ("FirstName", Some("first_name")),
            ("last name", Some("last_name")),
            ("Phone\nNumber", Some("phone_number")),
            ("Birthdate", Some("date_of_birth")),
            ("date-of-birth", Some("date_of_birth")),
            ("Default Address Phone", None),
            ("Customer full name", None),
            ("Name", None),
            ("", None),
            ("jane@example.com", None),
        ] {
            assert_eq!(guess(heading), name, "{heading}");
        }
        for name in NAMES {
            assert_eq!(guess(name), Some(name));
        }
    }

    #[test]
    fn only_headings_of_stripe_are_taken_for_them() {
        for heading in [
            "Created (UTC)",
            " card.exp_month",
            "plan (metadata)",
            "Delinquent",
        ] {
            assert!(is_stripe(heading), "{heading}");
        }
        for heading in [
            "id",
            "Email",
            "Name",
            "description",
            "Created",
            "Card",
            "Create Date",
        ] {
            assert!(!is_stripe(heading), "{heading}");
        }
    }
}
