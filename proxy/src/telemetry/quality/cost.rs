//! What a schema can cost, found out before it is compiled: schemas come from the server, and nothing it may write must
//! hang, overflow a stack or eat memory.
//!
//! A schema is seen as a graph: one node per subschema, an edge *in place* to what judges the same value (`allOf`, `$ref`
//! …), an edge *below* to what judges a member or element. Refused are
//! - references that lead out of the document, or whose target depends on more than the text;
//! - circles of edges in place, which no value ever gets out of;
//! - graphs that written out as a tree are too big, or whose paths are too long;
//! - patterns that are too long or too many.
//!
//! A circle with an edge below is ordinary recursion: each turn takes a level of the value. Where a turn judges the same
//! member more than once, the work doubles with each level: [`Cost::work`] says how much a value would be.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value};

/// Deepest nesting of the schema's text.
const NESTING: usize = 64;
/// Most nodes of the graph written out as a tree, all that is compared counted.
const NODES: u64 = 20_000;
/// Most nodes on a path, until a node comes again.
const PATH: usize = 96;
/// Most nodes on a path of edges in place.
const CHAIN: usize = 24;
/// The longest pattern, in bytes.
const PATTERN: usize = 512;
/// What a pattern counts, in nodes.
const PATTERN_NODES: u64 = 512;

/// Why a schema is not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    #[error("it is longer than 64 KiB, or there is no room for more schemas")]
    TooLarge,
    #[error("it is no JSON Schema")]
    NoSchema,
    #[error("its dialect is neither 2020-12 nor draft-07")]
    Dialect,
    #[error("it refers to something else than a part of itself")]
    Reference,
    #[error("a reference leads back to itself")]
    Endless,
    #[error("it is too costly to evaluate")]
    TooCostly,
    #[error("one of its patterns is too long, or not one of regular languages")]
    Pattern,
}

/// What evaluating a schema can cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cost {
    /// Nodes, written out as a tree up to recursion.
    pub nodes: u64,
    /// How often one member can be judged per level; 1 where nothing recurs.
    growth: u64,
    /// Longest path of edges in place: what a level of the value takes of the stack.
    chain: usize,
}

impl Cost {
    /// Steps that judging a value of this size and depth can take; saturates.
    pub(super) fn work(&self, size: u64, depth: usize) -> u64 {
        let depth = u32::try_from(depth).unwrap_or(u32::MAX);
        self.nodes.saturating_mul(size).saturating_mul(self.growth.saturating_pow(depth))
    }

    /// Nested calls that judging a value of this depth can take.
    pub(super) const fn frames(&self, depth: usize) -> usize {
        (self.chain + 1).saturating_mul(depth + 1)
    }
}

/// Levels of arrays and objects.
pub(super) fn depth(value: &Value) -> usize {
    match value {
        Value::Array(elements) => 1 + elements.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// Values, long texts counted as several.
pub(super) fn size(value: &Value) -> u64 {
    1 + match value {
        Value::Array(elements) => elements.iter().map(size).sum(),
        Value::Object(members) => members.iter().map(|(key, value)| text_size(key) + size(value)).sum(),
        Value::String(text) => text_size(text),
        _ => 0,
    }
}

const fn text_size(text: &str) -> u64 {
    text.len() as u64 / 16
}

/// The cost of a schema, unless it is refused.
pub(super) fn of(schema: &Value) -> Result<Cost, Refused> {
    if depth(schema) > NESTING {
        return Err(Refused::TooCostly);
    }
    let mut graph =
        Graph { root: schema, anchors: BTreeMap::new(), places: HashMap::new(), nodes: Vec::new() };
    graph.find_anchors(schema);
    graph.build()?;
    let mut chains = vec![Mark::New; graph.nodes.len()];
    let (mut chain, mut spread) = (0, 1);
    for node in 0..graph.nodes.len() {
        let here = graph.in_place(node, 0, &mut chains)?;
        (chain, spread) = (chain.max(here.length), spread.max(here.total));
    }
    let mut trees = vec![Mark::New; graph.nodes.len()];
    let mut recurs = false;
    let tree = graph.tree(0, 0, &mut trees, &mut recurs)?;
    if tree.total > NODES {
        return Err(Refused::TooCostly);
    }
    Ok(Cost { nodes: tree.total, growth: if recurs { spread } else { 1 }, chain })
}

struct Graph<'a> {
    root: &'a Value,
    anchors: BTreeMap<&'a str, &'a Value>,
    /// Where a subschema's node is, by its address: the document is not moved meanwhile.
    places: HashMap<*const Value, usize>,
    nodes: Vec<Node<'a>>,
}

struct Node<'a> {
    schema: &'a Value,
    in_place: Vec<usize>,
    below: Vec<usize>,
    /// How often it judges one member or element.
    hits: u64,
    /// What it compares.
    weight: u64,
    /// It asks others again what they have judged.
    asks_again: bool,
}

/// What is known of a node in a walk.
#[derive(Debug, Clone, Copy)]
enum Mark {
    New,
    Open,
    Done(Measure),
}

#[derive(Debug, Clone, Copy, Default)]
struct Measure {
    length: usize,
    total: u64,
}

impl<'a> Graph<'a> {
    fn find_anchors(&mut self, value: &'a Value) {
        match value {
            Value::Array(elements) => elements.iter().for_each(|element| self.find_anchors(element)),
            Value::Object(members) => {
                if let Some(Value::String(name)) = members.get("$anchor") {
                    self.anchors.insert(name, value);
                }
                members.values().for_each(|member| self.find_anchors(member));
            }
            _ => {}
        }
    }

    /// Finds all nodes that can be reached, and their edges.
    fn build(&mut self) -> Result<(), Refused> {
        self.place(self.root);
        let mut at = 0;
        while at < self.nodes.len() {
            if let Value::Object(members) = self.nodes[at].schema {
                self.read(at, members)?;
            } else if !self.nodes[at].schema.is_boolean() {
                return Err(Refused::NoSchema);
            }
            at += 1;
        }
        Ok(())
    }

    fn place(&mut self, schema: &'a Value) -> usize {
        let next = self.nodes.len();
        let place = *self.places.entry(std::ptr::from_ref(schema)).or_insert(next);
        if place == next {
            let (in_place, below) = (Vec::new(), Vec::new());
            self.nodes.push(Node { schema, in_place, below, hits: 0, weight: 1, asks_again: false });
        }
        place
    }

    fn read(&mut self, at: usize, members: &'a Map<String, Value>) -> Result<(), Refused> {
        let is_root = at == 0;
        let (mut in_place, mut below, mut weight) = (Vec::new(), Vec::new(), 1_u64);
        for (key, value) in members {
            match key.as_str() {
                "$ref" => in_place.push(self.target(value)?),
                "$dynamicRef" | "$recursiveRef" | "$dynamicAnchor" | "$recursiveAnchor" => {
                    return Err(Refused::Reference);
                }
                // It would change what references below it mean.
                "$id" if !is_root => return Err(Refused::Reference),
                "allOf" | "anyOf" | "oneOf" => in_place.extend(value.as_array().into_iter().flatten()),
                "not" | "if" | "then" | "else" => in_place.push(value),
                "dependentSchemas" | "dependencies" => {
                    let schemas = value.as_object().into_iter().flat_map(Map::values);
                    in_place.extend(schemas.filter(|schema| !schema.is_array()));
                    weight += size(value);
                }
                "properties" => below.extend(value.as_object().into_iter().flat_map(Map::values)),
                "patternProperties" => {
                    for (pattern, schema) in value.as_object().into_iter().flatten() {
                        weight += pattern_weight(pattern)?;
                        below.push(schema);
                    }
                }
                "items" | "prefixItems" => match value {
                    Value::Array(schemas) => below.extend(schemas),
                    _ => below.push(value),
                },
                "additionalProperties"
                | "unevaluatedProperties"
                | "propertyNames"
                | "additionalItems"
                | "unevaluatedItems"
                | "contains" => below.push(value),
                "pattern" => weight += pattern_weight(value.as_str().ok_or(Refused::NoSchema)?)?,
                "enum" | "const" | "required" | "dependentRequired" => weight += size(value),
                // What is only said, or defined for references.
                _ => {}
            }
        }
        let in_place = in_place.into_iter().map(|schema| self.place(schema)).collect();
        let below = below.into_iter().map(|schema| self.place(schema)).collect();
        let (hits, asks_again) = hits(members);
        let node = &mut self.nodes[at];
        (node.in_place, node.below, node.hits) = (in_place, below, hits);
        (node.weight, node.asks_again) = (weight, asks_again);
        Ok(())
    }

    fn target(&self, reference: &'a Value) -> Result<&'a Value, Refused> {
        let fragment =
            reference.as_str().and_then(|text| text.strip_prefix('#')).ok_or(Refused::Reference)?;
        let found = if fragment.is_empty() || fragment.starts_with('/') {
            // Escapes of URIs are for characters that hardly a name has.
            (!fragment.contains('%')).then(|| self.root.pointer(fragment)).flatten()
        } else {
            self.anchors.get(fragment).copied()
        };
        found.ok_or(Refused::Reference)
    }

    /// Along edges in place: the longest path, and how often a member can be judged by all together.
    fn in_place(&self, at: usize, length: usize, marks: &mut [Mark]) -> Result<Measure, Refused> {
        match marks[at] {
            Mark::Done(measure) => return Ok(measure),
            Mark::Open => return Err(Refused::Endless),
            Mark::New if length >= PATH => return Err(Refused::TooCostly),
            Mark::New => marks[at] = Mark::Open,
        }
        let mut measure = Measure { length: 0, total: self.nodes[at].hits };
        for &next in &self.nodes[at].in_place {
            let part = self.in_place(next, length + 1, marks)?;
            measure.length = measure.length.max(part.length);
            measure.total = measure.total.saturating_add(part.total);
        }
        measure.length += 1;
        if measure.length > CHAIN {
            return Err(Refused::TooCostly);
        }
        marks[at] = Mark::Done(measure);
        Ok(measure)
    }

    /// Along all edges, up to nodes that come again: the size as a tree.
    fn tree(
        &self,
        at: usize,
        length: usize,
        marks: &mut [Mark],
        recurs: &mut bool,
    ) -> Result<Measure, Refused> {
        match marks[at] {
            Mark::Done(measure) if length + measure.length > PATH => return Err(Refused::TooCostly),
            Mark::Done(measure) => return Ok(measure),
            Mark::Open => {
                *recurs = true;
                return Ok(Measure { length: 1, total: 1 });
            }
            Mark::New if length >= PATH => return Err(Refused::TooCostly),
            Mark::New => marks[at] = Mark::Open,
        }
        let node = &self.nodes[at];
        let mut measure = Measure { length: 0, total: 0 };
        for &next in node.in_place.iter().chain(&node.below) {
            let part = self.tree(next, length + 1, marks, recurs)?;
            measure.length = measure.length.max(part.length);
            measure.total = measure.total.saturating_add(part.total);
        }
        measure.length += 1;
        let times = if node.asks_again { 2 } else { 1 };
        measure.total = measure.total.saturating_mul(times).saturating_add(node.weight);
        marks[at] = Mark::Done(measure);
        Ok(measure)
    }
}

fn pattern_weight(pattern: &str) -> Result<u64, Refused> {
    if pattern.len() > PATTERN { Err(Refused::Pattern) } else { Ok(PATTERN_NODES) }
}

/// How often a schema judges one member or element itself, and whether it asks others again what they judged.
fn hits(members: &Map<String, Value>) -> (u64, bool) {
    let any = |keys: &[&str]| u64::from(keys.iter().any(|key| members.contains_key(*key)));
    let patterns = members.get("patternProperties").and_then(Value::as_object).map_or(0, Map::len) as u64;
    let unevaluated = any(&["unevaluatedProperties", "unevaluatedItems"]);
    let of_objects = any(&["properties", "additionalProperties"]) + patterns;
    let of_arrays = any(&["items", "prefixItems", "additionalItems"]) + any(&["contains"]);
    (of_objects.max(of_arrays) + unevaluated, unevaluated > 0)
}
