/// The text of a table, made piece by piece while it is written.
public struct TablePieces: Sequence, IteratorProtocol {
    /// So many rows make a piece.
    static let rows = 64

    private var first: String?
    private let make: () -> String?

    /// - Parameters:
    ///   - first: what stands before the rows.
    ///   - make: called for one piece after the other, until it gives nil.
    init(first: String, _ make: @escaping () -> String?) {
        self.first = first
        self.make = make
    }

    /// What is made whole.
    public init(_ whole: String) { self.init(first: whole) { nil } }

    /// The same with something before it.
    public func prefixed(_ text: String) -> TablePieces {
        var pieces = self
        pieces.first = text + (first ?? "")
        return pieces
    }

    public mutating func next() -> String? {
        guard let first else { return make() }
        self.first = nil
        return first
    }
}
