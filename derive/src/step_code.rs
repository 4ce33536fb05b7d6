//! How does a record say which one the program's own code makes it from?

use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;
use syn::TypePath;
use syn::spanned::Spanned;

use crate::errors::Errors;
use crate::model::Item;

/// What `from = ..` and `downgrade` say.
pub(crate) struct Step {
    pub(crate) from: TypePath,
    pub(crate) back: bool,
}

impl Step {
    /// A record that comes from itself would come from there for ever.
    pub(crate) fn check(&self, item: &Item, errors: &mut Errors) {
        let own = |ident: &syn::Ident| *ident == item.ident || ident == "Self";
        if self.from.qself.is_none() && self.from.path.get_ident().is_some_and(own) {
            errors.add(
                self.from.span(),
                format!(
                    "a record comes from the struct of the version before it, not from itself; keep \
                     that one under another name, such as `{}V1`",
                    item.ident
                ),
            );
        }
    }

    /// The method that gives the steps. What is missing for it is reported where the type stands.
    pub(crate) fn expand_method(&self) -> TokenStream {
        let from = &self.from;
        let span = self.span();
        let steps = if self.back {
            quote_spanned!(span=> ::larder::__private::steps_and_back::<#from, Self>())
        } else {
            quote_spanned!(span=> ::larder::__private::steps::<#from, Self>())
        };
        code! {
            fn steps() -> ::std::vec::Vec<::larder::__private::Step> {
                #steps
            }
        }
    }

    /// A constant that compiles only if it is an earlier version of the same collection.
    pub(crate) fn expand_check(&self, item: &Item) -> TokenStream {
        let (from, ident) = (&self.from, &item.ident);
        quote_spanned! {self.span()=>
            const _: () = ::larder::__private::check_step::<#from, #ident>();
        }
    }

    fn span(&self) -> Span {
        self.from.span().resolved_at(Span::mixed_site())
    }
}
