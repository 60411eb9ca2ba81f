//! `#[derive(Tree)]`: a user's struct or enum as a tree of arrays.
//!
//! Fields are flattened in the order of their declaration; of an enum the variant's number is part of
//! the structure. `#[tree(skip)]` on a field clones it and tells nobody; `#[tree(crate = path)]` on
//! the type says where the module `tree` is, for crates that do not depend on the facade.
//!
//! Not chosen: finding fields at run time through serde, which needs no macro of our own; the price of
//! the macro is a crate that is compiled before everything else.
#![forbid(unsafe_code)]

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Data, DeriveInput, Error, Field, Fields, Ident, Index, Path, Result, parse_quote};

/// Implements `Tree` for a struct or an enum whose fields are trees.
#[proc_macro_derive(Tree, attributes(tree))]
pub fn derive_tree(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let input = syn::parse_macro_input!(input as DeriveInput);
    expand(input)
        .unwrap_or_else(Error::into_compile_error)
        .into()
}

fn expand(mut input: DeriveInput) -> Result<TokenStream> {
    let path = crate_path(&input)?;
    let tree = quote!(#path::tree);
    for parameter in input.generics.type_params_mut() {
        parameter.bounds.push(parse_quote!(#tree::Tree));
    }
    let name = &input.ident;
    let (impl_generics, ty_generics, bounds) = input.generics.split_for_impl();
    let (flatten, unflatten) = match &input.data {
        Data::Struct(data) => {
            let arm = Variant::new(quote!(#name), None, &data.fields)?;
            let (flatten, unflatten) = (arm.flatten(&tree), arm.unflatten(&tree));
            (
                quote!(match self { #flatten }),
                quote!(match self { #unflatten }),
            )
        }
        Data::Enum(data) if !data.variants.is_empty() => {
            let mut arms = Vec::new();
            for (number, variant) in data.variants.iter().enumerate() {
                let ident = &variant.ident;
                let path = quote!(#name::#ident);
                arms.push(Variant::new(path, Some(number as u64), &variant.fields)?);
            }
            let flatten = arms.iter().map(|a| a.flatten(&tree));
            let unflatten = arms.iter().map(|a| a.unflatten(&tree));
            (
                quote!(match self { #(#flatten)* }),
                quote!(match self { #(#unflatten)* }),
            )
        }
        _ => {
            let message = "Tree can be derived for structs and for enums with variants";
            return Err(Error::new(name.span(), message));
        }
    };
    Ok(quote! {
        impl #impl_generics #tree::Tree for #name #ty_generics #bounds {
            fn flatten(&self, leaves: &mut #tree::Leaves) {
                #flatten
            }
            fn unflatten(&self, arrays: &mut #tree::Arrays) -> #path::Result<Self> {
                #[allow(unused_variables)]
                let arrays = arrays;
                ::core::result::Result::Ok(#unflatten)
            }
        }
    })
}

/// A struct, or a variant of an enum.
struct Variant {
    path: TokenStream,
    number: Option<u64>,
    /// The name or place of each field, the name it is bound to, and whether it is skipped.
    fields: Vec<(TokenStream, Ident, bool)>,
}

impl Variant {
    fn new(path: TokenStream, number: Option<u64>, fields: &Fields) -> Result<Variant> {
        let fields = fields.iter().enumerate().map(|(at, field)| {
            let place = match &field.ident {
                Some(ident) => quote!(#ident),
                None => {
                    let index = Index::from(at);
                    quote!(#index)
                }
            };
            Ok((place, format_ident!("field{at}"), is_skipped(field)?))
        });
        Ok(Variant {
            path,
            number,
            fields: fields.collect::<Result<_>>()?,
        })
    }

    fn pattern(&self) -> TokenStream {
        let (path, fields) = (&self.path, &self.fields);
        let fields = fields.iter().map(|(place, name, _)| quote!(#place: #name));
        quote!(#path { #(#fields),* })
    }

    fn flatten(&self, tree: &TokenStream) -> TokenStream {
        let pattern = self.pattern();
        let (kept, skipped): (Vec<_>, Vec<_>) = self.fields.iter().partition(|f| !f.2);
        let (kept, skipped) = (kept.iter().map(|f| &f.1), skipped.iter().map(|f| &f.1));
        let count = kept.len() + usize::from(self.number.is_some());
        let number = self.number.map(|n| quote!(leaves.number(#n);));
        quote! {
            #pattern => {
                #(let _ = #skipped;)*
                leaves.node(#count);
                #number
                #(#tree::Tree::flatten(#kept, leaves);)*
            }
        }
    }

    fn unflatten(&self, tree: &TokenStream) -> TokenStream {
        let (pattern, path) = (self.pattern(), &self.path);
        let fields = self.fields.iter().map(|(place, name, skipped)| {
            if *skipped {
                quote!(#place: ::core::clone::Clone::clone(#name))
            } else {
                quote!(#place: #tree::Tree::unflatten(#name, arrays)?)
            }
        });
        quote!(#pattern => #path { #(#fields),* },)
    }
}

fn is_skipped(field: &Field) -> Result<bool> {
    let mut skipped = false;
    for attribute in field.attrs.iter().filter(|a| a.path().is_ident("tree")) {
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("skip") {
                skipped = true;
                return Ok(());
            }
            Err(meta.error("unknown: a field takes `skip`"))
        })?;
    }
    Ok(skipped)
}

/// Where the module `tree` is: the facade's `core`, unless the type says otherwise.
fn crate_path(input: &DeriveInput) -> Result<Path> {
    let mut path: Path = parse_quote!(::lazuli::core);
    for attribute in input.attrs.iter().filter(|a| a.path().is_ident("tree")) {
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("crate") {
                path = meta.value()?.parse()?;
                return Ok(());
            }
            Err(meta.error("unknown: a type takes `crate = path`"))
        })?;
    }
    Ok(path)
}
