//! How is a filter read that is written as JSON?
//!
//! The operators are `$eq $ne $gt $gte $lt $lte $in $nin $exists $type $all $elemMatch $size $mod $regex
//! $options $and $or $nor $not`. Any other is refused by its name.

use super::matches::whole_part;
use super::path::Path;
use super::pattern::{Pattern, Refused};
use super::{Comparison, Constant, Kind, Predicate, Test};
use crate::base::limits::{FILTER_REGEXES_MAX, FILTER_VALUES_MAX};
use crate::base::{Error, ErrorKind, Result};
use crate::codec::value::json::encode_text;
use crate::codec::value::read::Node;
use crate::schema::view::{ListRef, MapRef, ValueRef};

/// The condition that a document of conditions is.
pub(crate) fn parse(filter: ValueRef<'_>) -> Result<Predicate> {
    if regexes(filter)? > FILTER_REGEXES_MAX {
        return Err(Error::limit(format!(
            "a filter has at most {FILTER_REGEXES_MAX} regular expressions"
        )));
    }
    conditions(filter)
}

/// How many patterns are in a filter.
fn regexes(filter: ValueRef<'_>) -> Result<usize> {
    let mut count = 0;
    match filter {
        ValueRef::Map(members) => {
            for member in members.iter() {
                let (key, value) = named(member?);
                count += usize::from(key == "$regex") + regexes(value)?;
            }
        }
        ValueRef::List(list) => {
            for element in list.iter() {
                count += regexes(element?)?;
            }
        }
        _ => {}
    }
    Ok(count)
}

fn conditions(filter: ValueRef<'_>) -> Result<Predicate> {
    let ValueRef::Map(members) = filter else {
        return Err(Error::invalid(
            "a filter is an object of paths and conditions",
        ));
    };
    let mut all = Vec::new();
    for member in members.iter() {
        let (key, value) = named(member?);
        all.push(match key {
            "$and" => Predicate::All(several(key, value)?),
            "$or" => Predicate::any(several(key, value)?),
            "$nor" => Predicate::any(several(key, value)?).not(),
            key if key.starts_with('$') => return Err(unsupported(key)),
            path => condition(&Path::parse(path), value)?,
        });
    }
    Ok(one_or_all(all))
}

/// The condition that a JSON text is, as the catalog keeps it.
pub(crate) fn parse_text(text: &str) -> Result<Predicate> {
    let mut document = Vec::new();
    encode_text(text.as_bytes(), &mut document)?;
    parse(ValueRef::of_node(Node::root(&document))?)
}

fn several(operator: &str, value: ValueRef<'_>) -> Result<Vec<Predicate>> {
    let filters = list(operator, value)?;
    if filters.is_empty() {
        return Err(refused(operator, "a list of at least one filter"));
    }
    filters.iter().map(|filter| conditions(filter?)).collect()
}

/// What a path has to be: a value, or an object of operators.
fn condition(path: &Path, value: ValueRef<'_>) -> Result<Predicate> {
    match value {
        ValueRef::Map(operators) if begins_with_operator(operators)? => {
            self::operators(path, operators)
        }
        value => Ok(equal(path, value)?),
    }
}

fn begins_with_operator(map: MapRef<'_>) -> Result<bool> {
    let first = map.iter().next().transpose()?;
    Ok(first.is_some_and(|member| named(member).0.starts_with('$')))
}

fn operators(path: &Path, operators: MapRef<'_>) -> Result<Predicate> {
    let mut all = Vec::new();
    for member in operators.iter() {
        let (operator, value) = named(member?);
        let test = |test| Predicate::Path(path.clone(), test);
        let compare = |comparison| Ok(test(Test::Compare(comparison, operand(value)?)));
        all.push(match operator {
            "$eq" => compare(Comparison::Equal)?,
            "$ne" => compare(Comparison::Equal)?.not(),
            "$gt" => compare(Comparison::Greater)?,
            "$gte" => compare(Comparison::GreaterOrEqual)?,
            "$lt" => compare(Comparison::Less)?,
            "$lte" => compare(Comparison::LessOrEqual)?,
            "$in" => test(Test::one_of(constants(operator, value)?)),
            "$nin" => test(Test::one_of(constants(operator, value)?)).not(),
            "$exists" if is_true(value) => test(Test::Exists),
            "$exists" => test(Test::Exists).not(),
            "$type" => test(Test::Type(kinds(value)?)),
            "$all" => every(path, value)?,
            "$elemMatch" => test(element(value)?),
            "$size" => test(Test::Size(size(value)?)),
            "$mod" => test(modulo(value)?),
            "$regex" => test(Test::Regex(regex(value, operators.get("$options")?)?)),
            "$options" if operators.get("$regex")?.is_some() => continue,
            "$options" => return Err(refused(operator, "a `$regex` beside it")),
            "$not" => negated(path, value)?,
            other if other.starts_with('$') => return Err(unsupported(other)),
            other => {
                return Err(Error::invalid(format!(
                    "{other:?} stands beside operators in the condition on {path}; operators begin \
                     with a $"
                )));
            }
        });
    }
    Ok(one_or_all(all))
}

fn equal(path: &Path, value: ValueRef<'_>) -> Result<Predicate> {
    let test = Test::Compare(Comparison::Equal, Constant::of(value)?);
    Ok(Predicate::Path(path.clone(), test))
}

/// What an operator compares with: an object whatever its keys, unless it begins with what may be an
/// operator that is not known here.
fn operand(value: ValueRef<'_>) -> Result<Constant> {
    if let ValueRef::Map(map) = value
        && let Some(member) = map.iter().next()
        && let (key, _) = named(member?)
        && key.starts_with('$')
        && !OPERATORS.contains(&key)
    {
        return Err(unsupported(key));
    }
    Constant::of(value)
}

const OPERATORS: [&str; 20] = [
    "$eq",
    "$ne",
    "$gt",
    "$gte",
    "$lt",
    "$lte",
    "$in",
    "$nin",
    "$exists",
    "$type",
    "$all",
    "$elemMatch",
    "$size",
    "$mod",
    "$regex",
    "$options",
    "$and",
    "$or",
    "$nor",
    "$not",
];

fn negated(path: &Path, value: ValueRef<'_>) -> Result<Predicate> {
    match value {
        ValueRef::Map(operators) if begins_with_operator(operators)? => {
            Ok(self::operators(path, operators)?.not())
        }
        _ => Err(refused("$not", "an object of operators")),
    }
}

fn constants(operator: &str, value: ValueRef<'_>) -> Result<Vec<Constant>> {
    let constant = |value: Result<ValueRef<'_>>| {
        let value = value?;
        if let ValueRef::Map(map) = value
            && begins_with_operator(map)?
        {
            return Err(refused(operator, "a list of values, without operators"));
        }
        Constant::of(value)
    };
    list(operator, value)?.iter().map(constant).collect()
}

/// `$all`: each of the values is there, or each of the elements.
fn every(path: &Path, value: ValueRef<'_>) -> Result<Predicate> {
    let mut all = Vec::new();
    let mut elements = None;
    for value in list("$all", value)?.iter() {
        let value = value?;
        let matched = match value {
            ValueRef::Map(map) if begins_with_operator(map)? => match map.get("$elemMatch")? {
                Some(condition) if map.len() == 1 => Some(condition),
                _ => {
                    return Err(refused(
                        "$all",
                        "values, or objects with `$elemMatch` alone",
                    ));
                }
            },
            _ => None,
        };
        if elements.is_some_and(|elements| elements != matched.is_some()) {
            return Err(refused("$all", "either values or `$elemMatch`, not both"));
        }
        elements = Some(matched.is_some());
        all.push(match matched {
            Some(condition) => Predicate::Path(path.clone(), element(condition)?),
            None => equal(path, value)?,
        });
    }
    // Nothing has all of nothing.
    Ok(if all.is_empty() {
        Predicate::Any(all)
    } else {
        one_or_all(all)
    })
}

/// `$elemMatch`: operators on the element itself, or a filter of its members.
fn element(value: ValueRef<'_>) -> Result<Test> {
    let ValueRef::Map(map) = value else {
        return Err(refused("$elemMatch", "an object"));
    };
    let first = map.iter().next().transpose()?;
    let first = first.map(|member| named(member).0);
    let is_filter =
        first.is_none_or(|key| !key.starts_with('$') || matches!(key, "$and" | "$or" | "$nor"));
    let holds = if is_filter {
        conditions(value)?
    } else {
        operators(&Path::ROOT, map)?
    };
    Ok(Test::Element {
        holds: Box::new(holds),
        objects: is_filter,
    })
}

fn size(value: ValueRef<'_>) -> Result<u64> {
    let whole = match value {
        ValueRef::F64(float) if float.fract() == 0.0 => whole_part(float),
        value => value.as_i64(),
    };
    let size = whole.and_then(|whole| u64::try_from(whole).ok());
    size.ok_or_else(|| refused("$size", "a whole number that is not negative"))
}

fn modulo(value: ValueRef<'_>) -> Result<Test> {
    let wanted = || refused("$mod", "a list of a divisor, not 0, and a remainder");
    let numbers = list("$mod", value)?;
    let number = |i| match numbers.get(i)? {
        Some(ValueRef::F64(float)) => whole_part(float).ok_or_else(wanted),
        Some(value) => value.as_i64().ok_or_else(wanted),
        None => Err(wanted()),
    };
    match (number(0)?, number(1)?) {
        (divisor, remainder) if divisor != 0 && numbers.len() == 2 => {
            Ok(Test::Mod { divisor, remainder })
        }
        _ => Err(wanted()),
    }
}

fn regex(pattern: ValueRef<'_>, options: Option<ValueRef<'_>>) -> Result<Pattern> {
    let ValueRef::String(pattern) = pattern else {
        return Err(refused("$regex", "a pattern as text"));
    };
    let options = match options {
        Some(ValueRef::String(options)) => options,
        Some(_) => return Err(refused("$options", "letters as text")),
        None => "",
    };
    if pattern.contains('\0') {
        return Err(refused("$regex", "a pattern without zero bytes"));
    }
    self::pattern(pattern, options)
}

/// A pattern under the letters of its options.
pub(crate) fn pattern(pattern: &str, options: &str) -> Result<Pattern> {
    Pattern::new(pattern, options).map_err(|why| match why {
        Refused::Option => refused("$options", "letters out of i, m, s, x and u"),
        Refused::Pattern(error) => {
            refused("$regex", "a pattern of the regex crate's").because(error)
        }
    })
}

fn kinds(value: ValueRef<'_>) -> Result<Vec<Kind>> {
    match value {
        ValueRef::List(list) if list.is_empty() => Err(refused("$type", "at least one kind")),
        ValueRef::List(list) => list.iter().map(|value| kind(value?)).collect(),
        value => Ok(vec![kind(value)?]),
    }
}

/// The kind of a name or number of BSON's.
fn kind(value: ValueRef<'_>) -> Result<Kind> {
    let number = match value {
        ValueRef::F64(float) if float.fract() == 0.0 => whole_part(float),
        value => value.as_i64(),
    };
    let kind = match (value.as_str(), number) {
        (Some("null"), _) | (_, Some(10)) => Kind::Null,
        (Some("bool"), _) | (_, Some(8)) => Kind::Bool,
        (Some("int"), _) | (_, Some(16)) => Kind::Int,
        (Some("long"), _) | (_, Some(18)) => Kind::Long,
        (Some("double"), _) | (_, Some(1)) => Kind::Double,
        (Some("number"), _) => Kind::Number,
        (Some("string"), _) | (_, Some(2)) => Kind::String,
        (Some("object"), _) | (_, Some(3)) => Kind::Object,
        (Some("array"), _) | (_, Some(4)) => Kind::Array,
        (Some("binData"), _) | (_, Some(5)) => Kind::Bytes,
        (Some("date"), _) | (_, Some(9)) => Kind::Date,
        (
            Some(
                "undefined"
                | "objectId"
                | "regex"
                | "dbPointer"
                | "javascript"
                | "symbol"
                | "javascriptWithScope"
                | "timestamp"
                | "decimal"
                | "minKey"
                | "maxKey",
            ),
            _,
        )
        | (_, Some(6 | 7 | 11..=15 | 17 | 19 | -1 | 127)) => Kind::Foreign,
        _ => return Err(refused("$type", "a kind's name, or its number in BSON")),
    };
    Ok(kind)
}

fn is_true(value: ValueRef<'_>) -> bool {
    match value {
        ValueRef::Null => false,
        ValueRef::Bool(value) => value,
        value => value.as_f64() != Some(0.0),
    }
}

fn list<'a>(operator: &str, value: ValueRef<'a>) -> Result<ListRef<'a>> {
    let list = value.as_list().ok_or_else(|| refused(operator, "a list"))?;
    if list.len() > FILTER_VALUES_MAX {
        return Err(Error::limit(format!(
            "{operator} has {} values, the most is {FILTER_VALUES_MAX}",
            list.len()
        )));
    }
    Ok(list)
}

/// The key of a member, which is text in a document.
fn named<'a>((key, value): (ValueRef<'a>, ValueRef<'a>)) -> (&'a str, ValueRef<'a>) {
    (key.as_str().unwrap_or_default(), value)
}

fn one_or_all(mut all: Vec<Predicate>) -> Predicate {
    match (all.len(), all.pop()) {
        (1, Some(one)) => one,
        (_, last) => {
            all.extend(last);
            Predicate::All(all)
        }
    }
}

fn unsupported(operator: &str) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        format!("unsupported operator {operator:?} in a filter"),
    )
}

fn refused(operator: &str, wanted: &str) -> Error {
    Error::invalid(format!("in a filter {operator} takes {wanted}"))
}
