import CAudit

/// How the C library handles large blocks of memory.
public enum LargeBlocks {
    /// From now on what is freed of them goes back to the kernel (mallopt(3), M_MMAP_THRESHOLD). Of the whole
    /// process, so for a program's start.
    public static func giveBack() { sockaudit_give_blocks_back() }
}
