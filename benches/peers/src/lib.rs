//! The update of the API's page through paywithsoap and through its peers.

pub mod clients;
pub mod server;
