import CAudit

/// The size of a terminal.
public enum Terminal {
    /// - Returns: nil when the descriptor is no terminal or does not say.
    public static func size(_ descriptor: Int32) -> (rows: Int, columns: Int)? {
        var columns: Int32 = 0
        let rows = unsafe sockaudit_terminal(descriptor, &columns)
        return rows > 0 && columns > 0 ? (Int(rows), Int(columns)) : nil
    }
}
