//! The server of every measurement here.

fn main() {
    peers::server::serve();
}
