//! Which names of types may an enum not use plainly? Those of bytecheck's derive.
//!
//! The derive puts the enum's code into a block with types of its own, called `Tag` and the like:
//! a type of the user by such a name would be taken for its own. So it is written `self::Tag`.

use syn::visit_mut::VisitMut;
use syn::{DataEnum, TypePath};

use crate::names::name_of;

/// Writes `self::Tag` for `Tag`.
pub(crate) fn qualify(data: &mut DataEnum) {
    let mut taken: Vec<String> = ["Tag", "Discriminant"].map(str::to_owned).into();
    for variant in &data.variants {
        let name = name_of(&variant.ident);
        taken.push(format!("Variant{name}"));
    }
    let mut qualify = Qualify(taken);
    for field in data
        .variants
        .iter_mut()
        .flat_map(|variant| &mut variant.fields)
    {
        qualify.visit_type_mut(&mut field.ty);
    }
}

struct Qualify(Vec<String>);

impl VisitMut for Qualify {
    fn visit_type_path_mut(&mut self, path: &mut TypePath) {
        let taken = path
            .path
            .get_ident()
            .is_some_and(|ident| self.0.contains(&name_of(ident)));
        if taken {
            let plain = &path.path;
            path.path = syn::parse_quote!(self::#plain);
        }
        syn::visit_mut::visit_type_path_mut(self, path);
    }
}
