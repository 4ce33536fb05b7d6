//! What does a condition say? `population > 1000 && country == "FR"`, read into a tree.

use proc_macro2::TokenStream;
use syn::spanned::Spanned;
use syn::{BinOp, Expr, ExprBinary, ExprMethodCall, ExprPath, ExprUnary, Lit, UnOp};

use crate::errors::{Errors, did_you_mean};
use crate::field_path::FieldPath;
use crate::names::name_of;

/// When an index holds a record.
pub(crate) enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    Compare {
        path: FieldPath,
        is: Comparison,
        value: Box<Constant>,
    },
}

/// How a field is compared; the names are those of larder's `Comparison`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// What a field is compared with.
pub(crate) enum Constant {
    Null,
    Bool(bool, Expr),
    /// The digits, with a sign.
    Integer(String, Expr),
    /// The shortest text that reads back the same.
    Float(String, Expr),
    Text(String, Expr),
    Variant(String, Box<ExprPath>),
}

impl Condition {
    /// Reads a condition; what is none is added to the errors.
    pub(crate) fn parse(tokens: TokenStream, errors: &mut Errors) -> Option<Self> {
        let expression = errors.take(syn::parse2::<Expr>(tokens))?;
        read(&expression, errors)
    }

    /// Every path in it.
    pub(crate) fn paths(&self) -> Vec<&FieldPath> {
        self.comparisons()
            .into_iter()
            .map(|(path, ..)| path)
            .collect()
    }

    /// Every comparison in it.
    pub(crate) fn comparisons(&self) -> Vec<(&FieldPath, Comparison, &Constant)> {
        match self {
            Self::All(inner) | Self::Any(inner) => {
                inner.iter().flat_map(Self::comparisons).collect()
            }
            Self::Not(inner) => inner.comparisons(),
            Self::Compare { path, is, value } => vec![(path, *is, value)],
        }
    }
}

fn read(expression: &Expr, errors: &mut Errors) -> Option<Condition> {
    match expression {
        Expr::Paren(inner) => read(&inner.expr, errors),
        Expr::Group(inner) => read(&inner.expr, errors),
        Expr::Unary(ExprUnary {
            op: UnOp::Not(_),
            expr,
            ..
        }) => read(expr, errors).map(|inner| Condition::Not(Box::new(inner))),
        Expr::Binary(ExprBinary {
            left,
            op: BinOp::And(_),
            right,
            ..
        }) => {
            let sides = [read(left, errors), read(right, errors)];
            flatten(sides, |side| match side {
                Condition::All(inner) => inner,
                other => vec![other],
            })
            .map(Condition::All)
        }
        Expr::Binary(ExprBinary {
            left,
            op: BinOp::Or(_),
            right,
            ..
        }) => {
            let sides = [read(left, errors), read(right, errors)];
            flatten(sides, |side| match side {
                Condition::Any(inner) => inner,
                other => vec![other],
            })
            .map(Condition::Any)
        }
        Expr::Binary(binary) => read_comparison(binary, errors),
        Expr::MethodCall(call) => read_call(call, errors),
        other => {
            let Some(path) = FieldPath::of_expression(other) else {
                errors.add(other.span(), NO_CONDITION);
                return None;
            };
            // A field alone is a `bool`.
            let value = Constant::Bool(true, syn::parse_quote_spanned!(other.span()=> true));
            Some(Condition::Compare {
                path,
                is: Comparison::Equal,
                value: Box::new(value),
            })
        }
    }
}

/// `a && b && c` is one list, whichever way the parser nests it.
fn flatten(
    sides: [Option<Condition>; 2],
    open: impl Fn(Condition) -> Vec<Condition>,
) -> Option<Vec<Condition>> {
    let [left, right] = sides;
    Some([left?, right?].into_iter().flat_map(open).collect())
}

fn read_comparison(binary: &ExprBinary, errors: &mut Errors) -> Option<Condition> {
    let is = match binary.op {
        BinOp::Eq(_) => Comparison::Equal,
        BinOp::Ne(_) => Comparison::NotEqual,
        BinOp::Lt(_) => Comparison::Less,
        BinOp::Le(_) => Comparison::LessOrEqual,
        BinOp::Gt(_) => Comparison::Greater,
        BinOp::Ge(_) => Comparison::GreaterOrEqual,
        other => {
            errors.add(other.span(), NO_CONDITION);
            return None;
        }
    };
    let Some(path) = path_of(&binary.left) else {
        let message = if path_of(&binary.right).is_some() {
            "the field stands on the left of a comparison, the constant on the right; turn it around"
        } else {
            NO_CONDITION
        };
        errors.add(binary.left.span(), message);
        return None;
    };
    let value = read_constant(&binary.right, errors)?;
    let has_order = !matches!(
        value,
        Constant::Null | Constant::Bool(..) | Constant::Variant(..)
    );
    if !has_order && !matches!(is, Comparison::Equal | Comparison::NotEqual) {
        errors.add(
            binary.op.span(),
            "`None`, `true`, `false` and variants have no order here; compare with `==` or `!=`",
        );
        return None;
    }
    Some(Condition::Compare {
        path,
        is,
        value: Box::new(value),
    })
}

/// A path on the left. `None` is not a field.
fn path_of(expression: &Expr) -> Option<FieldPath> {
    FieldPath::of_expression(expression)
        .filter(|path| path.steps.len() > 1 || path.first().name != "None")
}

fn read_call(call: &ExprMethodCall, errors: &mut Errors) -> Option<Condition> {
    let method = name_of(&call.method);
    let is = match method.as_str() {
        "is_some" => Comparison::NotEqual,
        "is_none" => Comparison::Equal,
        _ => {
            errors.add(
                call.method.span(),
                format!(
                    "a condition is data, so that any program can keep the index up; of methods it \
                     has only `is_some()` and `is_none()`{}",
                    did_you_mean(&method, ["is_some", "is_none"])
                ),
            );
            return None;
        }
    };
    let path = path_of(&call.receiver).filter(|_| call.args.is_empty() && call.turbofish.is_none());
    let Some(path) = path else {
        errors.add(call.span(), NO_CONDITION);
        return None;
    };
    Some(Condition::Compare {
        path,
        is,
        value: Box::new(Constant::Null),
    })
}

fn read_constant(expression: &Expr, errors: &mut Errors) -> Option<Constant> {
    let message = match expression {
        Expr::Paren(inner) => return read_constant(&inner.expr, errors),
        Expr::Group(inner) => return read_constant(&inner.expr, errors),
        Expr::Lit(literal) => match read_literal(&literal.lit, "", expression) {
            Ok(constant) => return Some(constant),
            Err(message) => message,
        },
        Expr::Unary(ExprUnary {
            op: UnOp::Neg(_),
            expr,
            ..
        }) => match &**expr {
            Expr::Lit(literal) if matches!(literal.lit, Lit::Int(_) | Lit::Float(_)) => {
                match read_literal(&literal.lit, "-", expression) {
                    Ok(constant) => return Some(constant),
                    Err(message) => message,
                }
            }
            _ => NO_CONSTANT,
        },
        Expr::Path(path) if path.path.is_ident("None") => {
            return Some(Constant::Null);
        }
        Expr::Path(path) if path.path.segments.len() > 1 => {
            let name = path.path.segments.last().map(|last| name_of(&last.ident))?;
            return Some(Constant::Variant(name, Box::new(path.clone())));
        }
        Expr::Path(_) | Expr::Field(_) => {
            "a field is compared with a constant, not with another field"
        }
        Expr::Call(call) if matches!(&*call.func, Expr::Path(path) if path.path.is_ident("Some")) => {
            "leave `Some` out: an option is compared with what it holds"
        }
        _ => NO_CONSTANT,
    };
    errors.add(expression.span(), message);
    None
}

fn read_literal(literal: &Lit, sign: &str, whole: &Expr) -> Result<Constant, &'static str> {
    let whole = whole.clone();
    match literal {
        Lit::Int(digits) => {
            let text = format!("{sign}{}", digits.base10_digits());
            // `1f64` is a float that is written like an integer.
            if digits.suffix().starts_with('f') {
                return float(&text, whole);
            }
            let value: i128 = text.parse().map_err(|_| OUT_OF_RANGE)?;
            if value < i128::from(i64::MIN) || value > i128::from(u64::MAX) {
                return Err(OUT_OF_RANGE);
            }
            Ok(Constant::Integer(value.to_string(), whole))
        }
        Lit::Float(digits) => float(&format!("{sign}{}", digits.base10_digits()), whole),
        Lit::Str(text) if text.suffix().is_empty() => Ok(Constant::Text(text.value(), whole)),
        Lit::Char(character) => Ok(Constant::Text(character.value().to_string(), whole)),
        Lit::Bool(value) => Ok(Constant::Bool(value.value, whole)),
        _ => Err(NO_CONSTANT),
    }
}

fn float(text: &str, whole: Expr) -> Result<Constant, &'static str> {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(Constant::Float(format!("{value:?}"), whole)),
        _ => Err("the constant is no finite `f64`"),
    }
}

const NO_CONDITION: &str = "a condition compares fields with constants: `population > 1000 && \
     country == \"FR\"`, with `==`, `!=`, `<`, `<=`, `>`, `>=`, `&&`, `||`, `!`, `.is_some()` and \
     `.is_none()`";

const NO_CONSTANT: &str = "a condition compares with a constant that is written out: a number, \
     text, a character, `true`, `false`, `None` or a variant such as `Status::Open`";

const OUT_OF_RANGE: &str = "a constant is an integer from -2^63 to 2^64 - 1";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_and_of_three_is_one_list() {
        let mut errors = Errors::default();
        let tokens = "a > 1 && (b == -2 && c != \"x\") || !d".parse().unwrap();
        let condition = Condition::parse(tokens, &mut errors).unwrap();
        assert!(errors.is_empty());
        let Condition::Any(either) = &condition else {
            panic!("not an or")
        };
        assert!(matches!(&either[0], Condition::All(all) if all.len() == 3));
        assert_eq!(condition.paths().len(), 4);
    }
}
