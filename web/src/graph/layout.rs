//! Where the nodes of a graph stand: layers from left to right, by Sugiyama's method.

use std::collections::HashMap;

use rust_sugiyama::configure::Config;

/// Width of a node in pixels.
pub(crate) const NODE_WIDTH: f64 = 190.0;
/// Height of a node in pixels.
pub(crate) const NODE_HEIGHT: f64 = 56.0;
/// Space between nodes of a layer, and around the whole.
const GAP: f64 = 28.0;
/// Space between layers, which edges need.
const LAYER_GAP: f64 = 64.0;
/// The method takes a sixth of a second for so many nodes; beyond it nobody can read the picture either.
const MOST_NODES: usize = 1_000;

/// Upper left corner of a node.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Place {
    pub(crate) x: f64,
    pub(crate) y: f64,
}

/// A drawn dependency.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Edge {
    pub(crate) to: usize,
    /// An SVG path.
    pub(crate) path: String,
}

/// A drawn graph.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plan {
    pub(crate) places: Vec<Place>,
    pub(crate) edges: Vec<Edge>,
    pub(crate) width: f64,
    pub(crate) height: f64,
}

/// Places nodes given by name and needs. None when there are too many to draw.
pub(crate) fn plan(nodes: &[(String, Vec<String>)]) -> Option<Plan> {
    if nodes.len() > MOST_NODES {
        return None;
    }
    let numbers: HashMap<&str, usize> =
        nodes.iter().enumerate().map(|(number, (name, _))| (name.as_str(), number)).collect();
    let mut edges: Vec<(usize, usize)> = nodes
        .iter()
        .enumerate()
        .flat_map(|(to, (_, needs))| needs.iter().map(move |need| (need, to)))
        .filter_map(|(need, to)| numbers.get(need.as_str()).map(|from| (*from, to)))
        .filter(|(from, to)| from != to)
        .collect();
    edges.sort_unstable();
    edges.dedup();
    let places = place(nodes.len(), &edges);
    let width = places.iter().map(|place| place.x + NODE_WIDTH).fold(0.0, f64::max) + GAP;
    let height = places.iter().map(|place| place.y + NODE_HEIGHT).fold(0.0, f64::max) + GAP;
    let edges =
        edges.iter().map(|(from, to)| Edge { to: *to, path: curve(places[*from], places[*to]) }).collect();
    Some(Plan { places, edges, width, height })
}

/// The method works from top to bottom, so that height and width change places here. Parts of the graph that have
/// nothing to do with each other come one below the other.
fn place(count: usize, edges: &[(usize, usize)]) -> Vec<Place> {
    let mut places = vec![Place { x: GAP, y: GAP }; count];
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let size = (NODE_HEIGHT + GAP, NODE_WIDTH + LAYER_GAP);
    let vertices: Vec<(u32, (f64, f64))> = (0..count).map(|vertex| (number(vertex), size)).collect();
    let links: Vec<(u32, u32)> = edges.iter().map(|(from, to)| (number(*from), number(*to))).collect();
    let config = Config { vertex_spacing: 0.1, ..Config::default() };
    let mut top = GAP;
    for (layout, _, _) in rust_sugiyama::from_vertices_and_edges(&vertices, &links, &config) {
        let left = layout.iter().map(|(_, (_, y))| *y).fold(f64::INFINITY, f64::min);
        let right = layout.iter().map(|(_, (_, y))| *y).fold(f64::NEG_INFINITY, f64::max);
        let upper = layout.iter().map(|(_, (x, _))| *x).fold(f64::INFINITY, f64::min);
        let lower = layout.iter().map(|(_, (x, _))| *x).fold(f64::NEG_INFINITY, f64::max);
        let at: HashMap<usize, f64> = layout.iter().map(|(vertex, (_, y))| (*vertex, *y)).collect();
        // Which way the layers are counted is the library's affair: an edge tells.
        let backwards =
            edges.iter().any(|(from, to)| matches!((at.get(from), at.get(to)), (Some(a), Some(b)) if a > b));
        for (vertex, (x, y)) in &layout {
            if let Some(place) = places.get_mut(*vertex) {
                let along = if backwards { right - y } else { y - left };
                *place = Place { x: GAP + along, y: top + x - upper };
            }
        }
        top += lower - upper + NODE_HEIGHT + GAP;
    }
    places
}

/// From the right side of one node to the left side of another.
fn curve(from: Place, to: Place) -> String {
    let (x1, y1) = (from.x + NODE_WIDTH, from.y + NODE_HEIGHT / 2.0);
    let (x2, y2) = (to.x, to.y + NODE_HEIGHT / 2.0);
    let bend = ((x2 - x1) / 2.0).abs().max(16.0);
    format!("M{x1:.1} {y1:.1}C{:.1} {y1:.1} {:.1} {y2:.1} {x2:.1} {y2:.1}", x1 + bend, x2 - bend)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(edges: &[(&str, &[&str])]) -> Vec<(String, Vec<String>)> {
        edges
            .iter()
            .map(|(name, needs)| ((*name).to_owned(), needs.iter().map(|need| (*need).to_owned()).collect()))
            .collect()
    }

    fn overlap(a: Place, b: Place) -> bool {
        (a.x - b.x).abs() < NODE_WIDTH && (a.y - b.y).abs() < NODE_HEIGHT
    }

    #[test]
    fn what_is_needed_stands_to_the_left() {
        let nodes = graph(&[("a", &[]), ("b", &["a"]), ("c", &["a"]), ("d", &["b", "c"]), ("alone", &[])]);
        let plan = plan(&nodes).unwrap();
        for (to, (_, needs)) in nodes.iter().enumerate() {
            for need in needs {
                let from = nodes.iter().position(|(name, _)| name == need).unwrap();
                assert!(plan.places[from].x + NODE_WIDTH <= plan.places[to].x, "{need} → {}", nodes[to].0);
            }
        }
        assert_eq!(plan.edges.len(), 4);
    }

    #[test]
    fn no_two_nodes_overlap_in_graphs_of_any_shape() {
        // A small generator: every seed is another graph.
        for seed in 0..60_u64 {
            let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
            let mut next = |below: u64| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                state % below
            };
            let count = next(40) + 1;
            let nodes: Vec<(String, Vec<String>)> = (0..count)
                .map(|node| {
                    let needs = if node == 0 { 0 } else { next(4) };
                    (format!("n{node}"), (0..needs).map(|_| format!("n{}", next(node))).collect())
                })
                .collect();
            let plan = plan(&nodes).unwrap();
            for (number, place) in plan.places.iter().enumerate() {
                assert!(place.x.is_finite() && place.y.is_finite() && place.x >= 0.0 && place.y >= 0.0);
                let clear = plan.places.iter().skip(number + 1).all(|other| !overlap(*place, *other));
                assert!(clear, "seed {seed}: node {number} at {place:?}");
            }
        }
    }

    #[test]
    fn nothing_and_too_much_are_no_trouble() {
        assert_eq!(plan(&[]).map(|plan| plan.places.len()), Some(0));
        let many: Vec<(String, Vec<String>)> =
            (0..=MOST_NODES).map(|node| (node.to_string(), Vec::new())).collect();
        assert!(plan(&many).is_none());
    }
}
