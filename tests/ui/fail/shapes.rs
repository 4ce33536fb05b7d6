//! Items that are no record or part.
use larder::{part, record};

#[record]
struct Generic<T> {
    #[key]
    id: T,
}

#[record]
struct Borrowed<'a> {
    #[key]
    id: &'a str,
}

#[record]
enum Enum {
    A,
}

#[record]
struct Tuple(u64);

#[record]
struct Unit;

#[record]
union Union {
    a: u8,
}

#[record]
fn function() {}

#[part]
struct UnitPart;

#[part]
struct Empty {}

#[part]
enum Never {}

#[part(name = "x", index, kez)]
struct Options {
    #[key]
    a: u8,
    #[index]
    b: u8,
}

#[part]
enum Numbered {
    A = 1,
    #[cfg(test)]
    B,
}

#[part]
struct Where
where
    u8: Copy,
{
    a: u8,
}

#[part]
struct Clash {
    a_b: u8,
    aB: u8,
}

#[part]
struct Tree {
    children: Vec<Tree>,
    next: Option<Box<Self>>,
}

fn main() {}
