import Glibc

/// libFuzzer's own main, which a Swift program that has one of its own calls itself.
@_silgen_name("LLVMFuzzerRunDriver")
private func runFuzzer(
    _ count: UnsafeMutablePointer<Int32>,
    _ words: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
    _ body: @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32
) -> Int32

/// The fuzzer's program. Which target it is for says SOCKAUDIT_FUZZ_TARGET: libFuzzer starts the program anew with
/// arguments of its own where it minimises an input.
@main
enum Main {
    /// Unsafe: the text is copied at once.
    static let target = unsafe getenv("SOCKAUDIT_FUZZ_TARGET").flatMap {
        unsafe FuzzTarget(rawValue: String(cString: $0))
    }

    /// Unsafe: libFuzzer gives as many bytes as it says, for the length of the call; the words are the process's own.
    static func main() {
        guard target != nil else {
            print(
                "SOCKAUDIT_FUZZ_TARGET must be one of",
                FuzzTarget.allCases.map(\.rawValue).joined(separator: ", "))
            exit(64)
        }
        var count = CommandLine.argc
        var words = unsafe CommandLine.unsafeArgv
        exit(
            unsafe runFuzzer(&count, &words) { start, length in
                let bytes = unsafe Array(UnsafeBufferPointer(start: start, count: length))
                if let fault = Main.target?.fault(bytes) {
                    // Not print: abort leaves what is buffered.
                    let text = Array("FOUND: \(fault)\n".utf8)
                    _ = unsafe write(STDERR_FILENO, text, text.count)
                    abort()
                }
                return 0
            })
    }
}
