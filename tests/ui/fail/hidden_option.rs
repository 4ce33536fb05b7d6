//! An option of an option behind an alias, and an array of nothing: found when the type is used.
type Maybe = Option<u8>;
type Nothing = [u8; 0];

#[larder::part]
struct Twice {
    maybe: Option<Maybe>,
}

#[larder::part]
struct Size {
    nothing: Nothing,
}

fn main() {
    let _ = <Twice as larder::Storable>::describe();
    let _ = <Size as larder::Storable>::describe();
}
