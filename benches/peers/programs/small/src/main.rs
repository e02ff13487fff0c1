//! The least that a program does with paywithsoap, for its size.

use paywithsoap::{Config, CustomerPatch, Error, update_customer};

fn main() -> Result<(), Error> {
    let cfg = Config::from_env()?;
    let patch = CustomerPatch::new()
        .first_name("Jane")
        .phone_number("5551234567");
    let customer = update_customer(&cfg, "cus_A3GuXEbThpqk2t6UTxEuoceVJyUEAX7V", &patch)?;
    println!("{}", customer.raw_json());
    Ok(())
}
