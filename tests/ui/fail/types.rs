//! Types that are never stored, each with what there is instead.
use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, HashSet, VecDeque};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::{Instant, SystemTime};

#[larder::record]
struct Everything {
    #[key]
    id: usize,
    a: isize,
    b: Option<Rc<str>>,
    c: Vec<Arc<u8>>,
    d: &'static str,
    e: Cell<u8>,
    f: RefCell<u8>,
    g: Mutex<u8>,
    h: *const u8,
    i: fn(u8) -> u8,
    j: Box<dyn Send>,
    k: HashSet<String>,
    l: BTreeSet<usize>,
    m: Instant,
    n: SystemTime,
    o: PathBuf,
    p: (),
    q: (u8, u8, u8, u8, u8, u8, u8),
    r: Option<Option<u8>>,
    s: VecDeque<u8>,
    t: Box<[u8]>,
    u: [usize; 2],
}

fn main() {}
