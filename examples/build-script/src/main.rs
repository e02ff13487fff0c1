//! Shows what the build script has passed on.

fn main() {
    println!("outcome: {}", env!("SOAP_OUTCOME"));
    println!("updated at: {}", env!("SOAP_UPDATED_AT"));
}
