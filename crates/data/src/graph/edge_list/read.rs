//! From lines to links.

use std::borrow::Cow;
use std::io::Read;
use std::path::Path;

use rustc_hash::FxHashMap;

use super::fields::{separator, split};
use super::format::Layout;
use super::{EdgeFormat, EdgeList, RelationEdge};
use crate::lines::{Line, Tally, TextLines, excerpt};
use crate::table::{Codes, Merged, decode, trim};
use crate::{Error, ReadLimits, ReadReport, Result};

/// Two nodes a link, and 32 bits to number them.
const MAX_EDGES: usize = 1 << 31;
const MAX_RELATIONS: usize = 1 << 16;

pub(super) fn file(path: &Path, format: &EdgeFormat, limits: &ReadLimits) -> Result<(EdgeList, ReadReport)> {
    read(TextLines::open(path, limits.max_line_bytes)?, format, limits)
}

pub(super) fn reader(
    name: &Path,
    reader: impl Read + Send + 'static,
    format: &EdgeFormat,
    limits: &ReadLimits,
) -> Result<(EdgeList, ReadReport)> {
    read(TextLines::new(name, reader, limits.max_line_bytes)?, format, limits)
}

fn read(mut lines: TextLines, format: &EdgeFormat, limits: &ReadLimits) -> Result<(EdgeList, ReadReport)> {
    limits.validate()?;
    format.validate()?;
    let path = lines.path().to_path_buf();
    let refused = |message: String| Error::File { path: path.clone(), message };
    let mut header = None;
    let mut links = Links::default();
    let mut tally = Tally::new(&path, limits);
    while let Some((number, line)) = lines.next()? {
        let line = match line {
            Line::Text(line) if trim(line).is_empty() => continue,
            Line::Text(line) => Ok(line),
            Line::TooLong(n_bytes) => Err(Line::too_long(n_bytes, limits.max_line_bytes)),
        };
        let Some((separator, layout)) = &header else {
            let found = line.and_then(|line| columns(line, format));
            header =
                Some(found.map_err(|message| Error::Line { path: path.clone(), line: number, message })?);
            continue;
        };
        match line.and_then(|line| links.push(line, *separator, layout)) {
            Ok(()) => tally.whole(),
            Err(reason) => tally.broken(number, reason)?,
        }
        if links.edges.len() > MAX_EDGES {
            return Err(refused(format!("the file holds more than {MAX_EDGES} links; split it")));
        }
        if links.relations.len() > MAX_RELATIONS {
            let message = format!(
                "line {number} is of relation {}; there can be {MAX_RELATIONS} and this is one more: is it the \
                 right column?",
                links.relations.len()
            );
            return Err(refused(message));
        }
    }
    if header.is_none() {
        return Err(refused("the file is empty; its first line must name the columns".into()));
    }
    tally.check()?;
    if links.edges.is_empty() {
        return Err(refused("the file holds no links".into()));
    }
    Ok((links.finish(), tally.into_report()))
}

/// The separator and the places of the columns that the first line names.
fn columns(line: &[u8], format: &EdgeFormat) -> std::result::Result<(u8, Layout), String> {
    // The format is valid, so the character is one byte.
    let separator = format.separator.map_or_else(|| separator(line), |separator| separator as u8);
    let mut fields = Vec::new();
    split(line, separator, &mut fields)?;
    let names: Vec<Cow<'_, str>> = fields.iter().map(|field| decode(trim(field))).collect();
    let names: Vec<&str> = names.iter().map(|name| &**name).collect();
    Ok((separator, format.layout(&names)?))
}

/// Links whose nodes and relations are numbered as they came.
#[derive(Default)]
struct Links {
    nodes: Codes,
    relations: FxHashMap<String, u32>,
    edges: Vec<RelationEdge>,
}

impl Links {
    fn push(&mut self, line: &[u8], separator: u8, layout: &Layout) -> std::result::Result<(), String> {
        let mut fields = Vec::with_capacity(layout.n_fields);
        split(line, separator, &mut fields)?;
        if fields.len() != layout.n_fields {
            let (found, wanted) = (fields.len(), layout.n_fields);
            let s = if found == 1 { "" } else { "s" };
            return Err(format!("{found} field{s}, but the first line names {wanted} columns"));
        }
        let field = |place: usize, what: &str| match trim(&fields[place]) {
            [] => Err(format!("the {what} is empty")),
            field => Ok(field),
        };
        // All is checked before a node is numbered: what broken lines name is no node.
        let source = field(layout.source, "source")?;
        let target = field(layout.target, "target")?;
        let relation = layout.relation.map(|place| field(place, "relation")).transpose()?.unwrap_or_default();
        let weight = match layout.weight {
            Some(place) => weight(field(place, "weight")?)?,
            None => 1.0,
        };
        let next = self.relations.len() as u32;
        let relation = decode(relation);
        let relation = match self.relations.get(&*relation) {
            Some(&known) => known,
            None => *self.relations.entry(relation.into_owned()).or_insert(next),
        };
        self.edges.push(RelationEdge {
            source: self.nodes.code(source),
            target: self.nodes.code(target),
            // One too many is found out before the number is used.
            relation: relation as u16,
            weight,
        });
        Ok(())
    }

    fn finish(self) -> EdgeList {
        let nodes = Merged::new(vec![self.nodes]);
        let mut relations: Vec<(String, u32)> = self.relations.into_iter().collect();
        relations.sort_unstable();
        let mut ranks = vec![0u16; relations.len()];
        for (rank, (_, number)) in relations.iter().enumerate() {
            ranks[*number as usize] = rank as u16;
        }
        let mut edges = self.edges;
        for edge in &mut edges {
            edge.source = nodes.index(0, edge.source);
            edge.target = nodes.index(0, edge.target);
            edge.relation = ranks[edge.relation as usize];
        }
        edges.shrink_to_fit();
        EdgeList { nodes: nodes.ids, edges, relations: relations.into_iter().map(|(name, _)| name).collect() }
    }
}

/// The weight that a trimmed field spells.
fn weight(field: &[u8]) -> std::result::Result<f32, String> {
    let text = decode(field);
    match text.parse::<f32>() {
        Ok(weight) if !weight.is_finite() => Err(format!("weight {} is not a finite number", excerpt(&text))),
        Ok(weight) if weight < 0.0 => Err(format!("weight {} is negative", excerpt(&text))),
        // No negative zero.
        Ok(weight) => Ok(weight.abs()),
        Err(_) => Err(format!("weight {} is not a number", excerpt(&text))),
    }
}
