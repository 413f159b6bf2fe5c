import SockAuditCore

/// Counts calls that lack their PROCTITLE, in a log that has it before and after.
struct TitleWatch {
    /// Of one node: whether calls have it, and how many lacked it since the last that had.
    private struct Node {
        var seen = false
        var lacking = 0
    }

    private(set) var torn = 0
    private var nodes: [NameID: Node] = [:]
    /// The node of the last call is not in the table.
    private var last = NameID.none
    private var state = Node()

    @inline(__always)
    mutating func saw(_ node: NameID, hasTitle: Bool) {
        if node != last { change(to: node) }
        if hasTitle {
            torn += state.lacking
            state.seen = true
            state.lacking = 0
        } else if state.seen {
            state.lacking += 1
        }
    }

    func markNames(_ mark: (NameID) -> Void) {
        mark(last)
        for node in nodes.keys { mark(node) }
    }

    private mutating func change(to node: NameID) {
        nodes[last] = state
        state = nodes[node] ?? Node()
        last = node
    }
}
