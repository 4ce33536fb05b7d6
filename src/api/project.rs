//! Which members of a document were asked for? A tree of names, and the document cut to it.

use std::collections::BTreeMap;

use crate::base::{Error, Result};
use crate::codec::value::CONTAINERS_DEEP_MAX;
use crate::codec::value::read::{Node, Value};
use crate::codec::value::write::Writer;
use crate::collection::document::{ID, value_with_key};

/// Documents are nested less deep.
const DEPTH_MAX: usize = CONTAINERS_DEEP_MAX + 1;

/// The names that lead to what is asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    /// All that is here is asked for.
    whole: bool,
    members: BTreeMap<String, Tree>,
}

impl Tree {
    /// What these paths lead to.
    pub(super) fn of<P: AsRef<str>>(paths: impl IntoIterator<Item = P>) -> Result<Self> {
        let mut tree = Self::default();
        for path in paths {
            tree.add(path.as_ref())?;
        }
        Ok(tree)
    }

    /// Adds a path.
    fn add(&mut self, path: &str) -> Result<()> {
        let names = path.split('.').count();
        if names > DEPTH_MAX {
            return Err(Error::invalid(format!(
                "a path of {names} names leads deeper than documents are, at most {DEPTH_MAX}"
            )));
        }
        let mut tree = self;
        for name in path.split('.') {
            if tree.whole {
                return Ok(());
            }
            tree = tree.members.entry(name.to_owned()).or_default();
        }
        tree.whole = true;
        tree.members.clear();
        Ok(())
    }

    /// A document, that lies under this key, cut to it.
    pub(super) fn project(&self, document: &[u8], key: &[u8]) -> Result<Vec<u8>> {
        let root = Node::root(document);
        let with_key = if self.members.contains_key(ID) {
            value_with_key(root, key)?
        } else {
            None
        };
        self.cut(with_key.as_deref().map_or(root, Node::root))
    }

    /// What lies there, cut to it.
    pub(super) fn cut(&self, root: Node<'_>) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        let mut writer = Writer::new(&mut out);
        if is_container(root)? {
            self.write(root, &mut writer)?;
        } else {
            writer.null();
        }
        Ok(out)
    }

    fn write(&self, node: Node<'_>, writer: &mut Writer<'_>) -> Result<()> {
        match node.read()? {
            Value::Object(object) if !self.whole => {
                let open = writer.begin_object(0)?;
                for member in object.iter() {
                    let (name, value) = member?;
                    if let Some(tree) = self.members.get(name)
                        && (tree.whole || is_container(value)?)
                    {
                        writer.member(&open, name)?;
                        tree.write(value, writer)?;
                    }
                }
                writer.end_object(&open)
            }
            // What is asked for are members of its elements.
            Value::Array(list) if !self.whole => {
                let open = writer.begin_array(0)?;
                for element in list.iter() {
                    let element = element?;
                    if is_container(element)? {
                        writer.element(&open);
                        self.write(element, writer)?;
                    }
                }
                writer.end_array(&open)
            }
            _ => {
                writer.encoded(node.encoded()?);
                Ok(())
            }
        }
    }
}

fn is_container(node: Node<'_>) -> Result<bool> {
    Ok(matches!(node.read()?, Value::Object(_) | Value::Array(_)))
}
