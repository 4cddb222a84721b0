//! The nodes of the group, and which is to be asked next.

/// Nodes that an agent knows; of more the first are kept.
pub(crate) const NODES_MAX: usize = 64;

/// The nodes of a group, in the order in which they are asked: in turn, but the one that is said to lead first.
#[derive(Clone, Debug)]
pub(crate) struct Nodes {
    known: Vec<String>,
    next: usize,
    leader: Option<String>,
}

impl Nodes {
    pub(crate) fn new(given: &[String]) -> Self {
        let mut nodes = Self { known: Vec::new(), next: 0, leader: None };
        nodes.learn(given);
        nodes
    }

    /// Other nodes that the group is said to have.
    pub(crate) fn learn(&mut self, nodes: &[String]) {
        for node in nodes.iter().filter(|node| crate::config::is_address(node)) {
            if self.known.len() < NODES_MAX && !self.known.contains(node) {
                self.known.push(node.clone());
            }
        }
    }

    /// A node is said to lead: it is the next one, once.
    pub(crate) fn prefer(&mut self, leader: &str) {
        if crate::config::is_address(leader) {
            self.learn(&[leader.to_owned()]);
            self.leader = Some(leader.to_owned());
        }
    }

    /// The one to be asked next, and whether it is said to lead.
    pub(crate) fn next(&mut self) -> (String, bool) {
        if let Some(leader) = self.leader.take() {
            return (leader, true);
        }
        let node = self.known.get(self.next % self.known.len().max(1)).cloned().unwrap_or_default();
        self.next = self.next.wrapping_add(1);
        (node, false)
    }

    /// All that are known.
    pub(crate) fn all(&self) -> &[String] {
        &self.known
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_asked_in_turn_and_the_leader_first() {
        let mut nodes = Nodes::new(&["a:1".to_owned(), "b:2".to_owned()]);
        assert_eq!([nodes.next().0, nodes.next().0, nodes.next().0], ["a:1", "b:2", "a:1"]);
        nodes.prefer("c:3");
        assert_eq!([nodes.next(), nodes.next()], [("c:3".to_owned(), true), ("a:1".to_owned(), false)]);
        assert_eq!(nodes.all(), ["a:1", "b:2", "c:3"]);
        nodes.prefer("");
        nodes.prefer("nonsense");
        assert_eq!((nodes.next(), nodes.all().len()), (("b:2".to_owned(), false), 3));
    }

    #[test]
    fn so_many_nodes_are_known_and_no_more() {
        let many: Vec<String> = (1..1_000).map(|port| format!("a:{port}")).collect();
        let mut nodes = Nodes::new(&many);
        nodes.prefer("leader:1");
        assert_eq!(nodes.all().len(), NODES_MAX);
        assert_eq!(nodes.next().0, "leader:1");
    }
}
