//! One update over TLS through libcurl: base URL and CA file are the arguments.

use std::env;
use std::error::Error;
use std::time::Duration;

use curl::easy::{Easy, List};

fn main() -> Result<(), Box<dyn Error>> {
    let [base_url, ca] = [env::args().nth(1), env::args().nth(2)].map(Option::unwrap_or_default);
    let mut headers = List::new();
    headers.append("Authorization: Bearer not-a-real-key")?;
    headers.append("Content-Type: application/json")?;
    let mut easy = Easy::new();
    easy.url(&format!(
        "{base_url}/api/v1/customers/cus_A3GuXEbThpqk2t6UTxEuoceVJyUEAX7V"
    ))?;
    easy.cainfo(ca)?;
    easy.timeout(Duration::from_secs(30))?;
    easy.http_headers(headers)?;
    easy.fail_on_error(true)?;
    easy.post_fields_copy(br#"{"first_name":"Jane","phone_number":"5551234567"}"#)?;
    easy.custom_request("PATCH")?;
    let mut response = Vec::new();
    let mut transfer = easy.transfer();
    transfer.write_function(|bytes| {
        response.extend_from_slice(bytes);
        Ok(bytes.len())
    })?;
    transfer.perform()?;
    drop(transfer);
    println!("{}", String::from_utf8(response)?);
    Ok(())
}
