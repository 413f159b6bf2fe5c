/// A number and what is counted, as a sentence has it: "1 record is", "2 records are".
public enum Counted {
    public static func text(_ count: Int, _ one: String, _ many: String) -> String {
        "\(count) \(count == 1 ? one : many)"
    }

    /// "once", "2 times".
    public static func times(_ count: Int) -> String { count == 1 ? "once" : "\(count) times" }
}
