//! Which types can never be stored, and what is there instead?
//!
//! Only what is surely std's is refused here, by name, for the sake of a good message; whatever
//! else is not `Storable` the compiler reports. A type of one's own by such a name is written with
//! its path: `self::Instant`.

use syn::spanned::Spanned;
use syn::visit::Visit;
use syn::{Ident, PathArguments, Type, TypePath};

use crate::errors::Errors;

/// Adds every mistake in the type of a field of `owner`.
pub(crate) fn check_type(ty: &Type, owner: &Ident, errors: &mut Errors) {
    Checker { owner, errors }.visit_type(ty);
}

struct Checker<'a> {
    owner: &'a Ident,
    errors: &'a mut Errors,
}

impl<'ast> Visit<'ast> for Checker<'_> {
    fn visit_type(&mut self, ty: &'ast Type) {
        let message = match ty {
            Type::Path(path) => match self.refuse_path(path) {
                Some(message) => message,
                None => return self.visit_type_path(path),
            },
            Type::Array(array) => return self.visit_type(&array.elem),
            Type::Reference(_) => {
                "a record owns what it holds and cannot borrow; use an owned type, `String` for \
                 `&str`"
            }
            Type::Slice(_) => "a slice has no size of its own; use `Vec<T>`",
            Type::Ptr(_) => "a pointer means nothing to the next program; store what it points to",
            Type::FnPtr(_) => "a function cannot be stored; use an enum with `#[larder::part]`",
            Type::TraitObject(_) | Type::ImplTrait(_) => {
                "a trait object cannot be stored: its type is not known; use an enum with \
                 `#[larder::part]`"
            }
            Type::Infer(_) | Type::Never(_) => "a field of a record has a type that is written out",
            Type::Tuple(tuple) if tuple.elems.is_empty() => {
                "`()` holds nothing; leave the field out"
            }
            Type::Tuple(tuple) if tuple.elems.len() > 6 => {
                "a tuple has at most six elements; use a struct with `#[larder::part]`"
            }
            other => return syn::visit::visit_type(self, other),
        };
        self.errors.add(ty.span(), message);
    }
}

impl Checker<'_> {
    fn refuse_path(&self, path: &TypePath) -> Option<&'static str> {
        let segments = &path.path.segments;
        let (first, last) = (segments.first()?, segments.last()?);
        let own = ["crate", "self", "super"]
            .iter()
            .any(|word| first.ident == word);
        if path.qself.is_none()
            && (last.ident == "Self" || (segments.len() == 1 && last.ident == *self.owner))
        {
            return Some(
                "a type cannot hold itself; keep the other's key in a field instead, such as \
                 `parent: Option<u64>`",
            );
        }
        if own || path.qself.is_some() {
            return None;
        }
        let name = last.ident.to_string();
        match &last.arguments {
            PathArguments::AngleBracketed(arguments) => {
                let is_option = |ty: &Type| {
                    matches!(ty, Type::Path(path)
                        if path.path.segments.last().is_some_and(|last| last.ident == "Option"))
                };
                if name == "Option"
                    && arguments.args.iter().any(
                        |argument| matches!(argument, syn::GenericArgument::Type(ty) if is_option(ty)),
                    )
                {
                    return Some(
                        "an option of an option cannot be stored: `Some(None)` and `None` would \
                         look alike; use an enum with `#[larder::part]`",
                    );
                }
                refuse_generic(&name)
            }
            _ => refuse_plain(&name),
        }
    }
}

fn refuse_generic(name: &str) -> Option<&'static str> {
    Some(match name {
        "Rc" | "Arc" | "Weak" => {
            "what is shared in memory is not shared in a file; use the type itself, or `Box<T>`"
        }
        "Cell" | "RefCell" | "OnceCell" | "UnsafeCell" | "Mutex" | "RwLock" | "OnceLock"
        | "LazyLock" | "LazyCell" => {
            "a cell or lock cannot be stored; use the type it holds, and change the record with \
             `update`"
        }
        "Cow" => "a record owns what it holds; use the owned type, `String` for `Cow<str>`",
        "HashSet" | "BTreeSet" => {
            "sets are not stored; use `Vec<T>` (an index over `each` leaves repetitions out)"
        }
        "VecDeque" | "LinkedList" | "BinaryHeap" => {
            "only vectors are stored as lists; use `Vec<T>`"
        }
        "Result" => "a `Result` cannot be stored; use an enum with `#[larder::part]`",
        "Range" | "RangeInclusive" | "RangeFrom" | "RangeTo" => {
            "a range cannot be stored; use two fields, or a struct with `#[larder::part]`"
        }
        "NonZero" => "there is no place for the zero to go; use the plain integer",
        "PhantomData" => "`PhantomData` holds nothing; leave the field out",
        "Pin" | "ManuallyDrop" | "MaybeUninit" | "Wrapping" | "Saturating" => {
            "a wrapper of std cannot be stored; use the type it holds"
        }
        _ => return None,
    })
}

fn refuse_plain(name: &str) -> Option<&'static str> {
    Some(match name {
        "usize" => "the size of `usize` depends on the machine, a file does not; use `u64`",
        "isize" => "the size of `isize` depends on the machine, a file does not; use `i64`",
        "str" => "`str` has no size of its own; use `String`",
        "f16" | "f128" => "only `f32` and `f64` are stored",
        "Instant" => {
            "an `Instant` means nothing after the program has ended; use `larder::Timestamp`"
        }
        "SystemTime" => "use `larder::Timestamp`, which converts from and to `SystemTime`",
        "PathBuf" | "Path" | "OsString" | "OsStr" => {
            "paths are written differently on every system; use `String`"
        }
        "CString" | "CStr" => "use `String`, or `Vec<u8>`",
        "AtomicBool" | "AtomicU8" | "AtomicU16" | "AtomicU32" | "AtomicU64" | "AtomicUsize"
        | "AtomicI8" | "AtomicI16" | "AtomicI32" | "AtomicI64" | "AtomicIsize" => {
            "an atomic cannot be stored; use the plain type, and change the record with `update`"
        }
        "IpAddr" | "Ipv4Addr" | "Ipv6Addr" | "SocketAddr" => {
            "addresses are not stored as such; use `String`, or `[u8; 4]` and `[u8; 16]`"
        }
        _ => return None,
    })
}
