//! Does a document fit the JSON Schema of its collection? The `jsonschema` crate says so; without the
//! feature that has it, a collection with a schema cannot be written.

use super::json::document_to_value;
use crate::base::{Error, ErrorKind, Result};

#[cfg(feature = "json-schema")]
use crate::base::sync::OnceLock;

/// A JSON Schema (draft 2020-12), made ready at its first use.
pub(crate) struct JsonSchema {
    /// As it is stored.
    text: String,
    #[cfg(feature = "json-schema")]
    validator: OnceLock<jsonschema::Validator>,
}

impl JsonSchema {
    /// The schema that was stored.
    pub(crate) fn stored(text: String) -> Self {
        Self {
            text,
            #[cfg(feature = "json-schema")]
            validator: OnceLock::new(),
        }
    }

    pub(crate) fn to_value(&self) -> Result<serde_json::Value> {
        serde_json::from_str(&self.text)
            .map_err(|error| Error::corrupt("the JSON Schema is damaged").because(error))
    }

    /// Refuses a document that does not fit.
    pub(crate) fn check_body(&self, body: &[u8]) -> Result<()> {
        self.check(&document_to_value(body)?)
    }

    /// Refuses a value that does not fit, naming the places where it does not, up to eight.
    #[cfg(feature = "json-schema")]
    fn check(&self, value: &serde_json::Value) -> Result<()> {
        let validator = match self.validator.get() {
            Some(validator) => validator,
            None => {
                let made = validator(&self.to_value()?)?;
                self.validator.get_or_init(|| made)
            }
        };
        let mut faults = validator.iter_errors(value).peekable();
        if faults.peek().is_none() {
            return Ok(());
        }
        let mut message = String::from("the document does not fit the JSON Schema");
        for (i, fault) in faults.enumerate() {
            if i == FAULTS_MAX {
                message.push_str("; and more");
                break;
            }
            let place = fault.instance_path().to_string();
            let place = if place.is_empty() {
                "the whole"
            } else {
                &place
            };
            let between = if i == 0 { ": " } else { "; " };
            message.extend([between, place, ": ", &fault.masked().to_string()]);
        }
        Err(Error::new(ErrorKind::Rejected, message))
    }

    /// Refuses: nobody here can tell.
    #[cfg(not(feature = "json-schema"))]
    #[expect(clippy::unused_self, reason = "with the feature it is used")]
    fn check(&self, _value: &serde_json::Value) -> Result<()> {
        Err(without_feature())
    }
}

/// A JSON Schema as it is kept.
///
/// # Errors
/// `Invalid` where it is none.
pub(crate) fn text_of(schema: &serde_json::Value) -> Result<String> {
    check_schema(Some(schema))?;
    let text = schema.to_string();
    // It is read again from its text, where less depth is allowed.
    serde_json::from_str::<serde_json::Value>(&text)
        .map_err(|error| Error::invalid("the JSON Schema cannot be kept").because(error))?;
    Ok(text)
}

/// Refuses what is no JSON Schema; without the feature any change of one.
#[cfg(feature = "json-schema")]
pub(crate) fn check_schema(schema: Option<&serde_json::Value>) -> Result<()> {
    schema.map_or(Ok(()), |schema| validator(schema).map(drop))
}

#[cfg(not(feature = "json-schema"))]
pub(crate) fn check_schema(_schema: Option<&serde_json::Value>) -> Result<()> {
    Err(without_feature())
}

#[cfg(feature = "json-schema")]
fn validator(schema: &serde_json::Value) -> Result<jsonschema::Validator> {
    jsonschema::draft202012::new(schema)
        .map_err(|error| Error::invalid("this is no JSON Schema").because(error.to_string()))
}

/// How many faults of one document are told.
#[cfg(feature = "json-schema")]
const FAULTS_MAX: usize = 8;

#[cfg(not(feature = "json-schema"))]
fn without_feature() -> Error {
    Error::new(
        ErrorKind::Unsupported,
        "a JSON Schema needs larder's feature `json-schema`, without which this program was built: it \
         can neither set one nor write where there is one",
    )
}

impl std::fmt::Debug for JsonSchema {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}
