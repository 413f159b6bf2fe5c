import CAudit

/// One audit rule as a value: what struct audit_rule_data (linux/audit.h) holds.
public struct KernelRule: Equatable, Sendable {
    /// One `-F` of a rule. String fields (exe, key, path) carry their text, the others a value.
    public struct Field: Hashable, Sendable {
        public var field: UInt32
        /// AUDIT_EQUAL and the like.
        public var op: UInt32
        public var value: UInt32
        public var text: [UInt8]?

        public init(_ field: UInt32, _ op: UInt32, _ value: UInt32) {
            self.field = field
            self.op = op
            self.value = value
        }

        public init(_ field: UInt32, _ op: UInt32, text: [UInt8]) {
            self.field = field
            self.op = op
            value = UInt32(text.count)
            self.text = text
        }
    }

    /// The list (AUDIT_FILTER_EXIT and the like), with AUDIT_FILTER_PREPEND when set.
    public var list: UInt32
    /// AUDIT_NEVER or AUDIT_ALWAYS.
    public var action: UInt32
    /// One bit a system call number.
    public var mask: [UInt32]
    public var fields: [Field]

    public static let maskWords = Int(AUDIT_BITMASK_SIZE)

    public init(list: UInt32, action: UInt32, syscalls: [Int32], fields: [Field]) {
        self.list = list
        self.action = action
        self.fields = fields
        mask = Array(repeating: 0, count: Self.maskWords)
        for number in syscalls where number >= 0 && Int(sockaudit_rule_word(number)) < Self.maskWords {
            mask[Int(sockaudit_rule_word(number))] |= sockaudit_rule_bit(number)
        }
    }

    /// Copies a rule out of a reply of the kernel. Offsets that do not fit are cut.
    init(reading data: UnsafePointer<audit_rule_data>) {
        list = unsafe data.pointee.flags
        action = unsafe data.pointee.action
        let count = unsafe min(Int(data.pointee.field_count), Int(AUDIT_MAX_FIELDS))
        // The arrays are C tuples: read them as the flat words that they are.
        let words = unsafe UnsafeRawPointer(data)
        func word(_ path: PartialKeyPath<audit_rule_data>, _ index: Int) -> UInt32 {
            guard let offset = MemoryLayout<audit_rule_data>.offset(of: path) else { return 0 }
            // Below the size of the struct that the kernel sent.
            return unsafe words.load(fromByteOffset: offset + index * 4, as: UInt32.self)
        }
        mask = (0..<Self.maskWords).map { word(\audit_rule_data.mask, $0) }
        var position = 0
        // The texts, as long as the kernel says, behind the struct.
        let limit = unsafe Int(data.pointee.buflen)
        let text = unsafe words + sockaudit_rule_header()
        fields = (0..<count).map { index in
            let number = word(\audit_rule_data.fields, index)
            let op = word(\audit_rule_data.fieldflags, index) & sockaudit_operators()
            let value = word(\audit_rule_data.values, index)
            guard Self.isText(number) else { return Field(number, op, value) }
            let length = max(0, min(Int(value), limit - position))
            defer { position += length }
            // The texts, as long as the kernel says, behind the struct.
            return unsafe Field(
                number, op, text: Array(UnsafeRawBufferPointer(start: text + position, count: length)))
        }
    }

    /// Fields whose value is a length into the text buffer (kernel/auditfilter.c, audit_data_to_entry).
    static func isText(_ field: UInt32) -> Bool {
        switch Int32(field) {
        case AUDIT_SUBJ_USER, AUDIT_SUBJ_ROLE, AUDIT_SUBJ_TYPE, AUDIT_SUBJ_SEN, AUDIT_SUBJ_CLR,
            AUDIT_OBJ_USER, AUDIT_OBJ_ROLE, AUDIT_OBJ_TYPE, AUDIT_OBJ_LEV_LOW, AUDIT_OBJ_LEV_HIGH,
            AUDIT_WATCH, AUDIT_DIR, AUDIT_FILTERKEY, AUDIT_EXE:
            true
        default: false
        }
    }

    /// The rule in the kernel's layout, for the length of the call.
    func withData<T>(_ body: (UnsafeMutablePointer<audit_rule_data>) -> T) -> T {
        let texts = fields.reduce(0) { $0 + ($1.text?.count ?? 0) }
        let size = sockaudit_rule_header() + texts + 1
        let raw = UnsafeMutableRawPointer.allocate(
            byteCount: size, alignment: MemoryLayout<audit_rule_data>.alignment)
        // Of this function alone, as large as the struct and its texts, and all zeros first.
        defer { unsafe raw.deallocate() }
        unsafe raw.initializeMemory(as: UInt8.self, repeating: 0, count: size)
        let data = unsafe raw.assumingMemoryBound(to: audit_rule_data.self)
        unsafe data.pointee.flags = list
        unsafe data.pointee.action = action
        unsafe data.pointee.field_count = UInt32(fields.count)
        unsafe data.pointee.buflen = UInt32(texts)
        func store(_ path: PartialKeyPath<audit_rule_data>, _ index: Int, _ value: UInt32) {
            guard let offset = MemoryLayout<audit_rule_data>.offset(of: path) else { return }
            // Within the size that was allocated for it.
            unsafe raw.storeBytes(of: value, toByteOffset: offset + index * 4, as: UInt32.self)
        }
        for (index, word) in mask.enumerated() { store(\audit_rule_data.mask, index, word) }
        var position = sockaudit_rule_header()
        for (index, field) in fields.prefix(Int(AUDIT_MAX_FIELDS)).enumerated() {
            store(\audit_rule_data.fields, index, field.field)
            store(\audit_rule_data.fieldflags, index, field.op)
            store(\audit_rule_data.values, index, field.value)
            for byte in field.text ?? [] {
                // Within the size that was allocated for it.
                unsafe raw.storeBytes(of: byte, toByteOffset: position, as: UInt8.self)
                position += 1
            }
        }
        // For the call alone.
        return unsafe body(data)
    }

    /// The values of one field, e.g. every `pid!=`.
    public func values(of field: Int32, op: UInt32) -> [Field] {
        fields.filter { $0.field == UInt32(field) && $0.op == op }
    }

    /// The keys, several of which the kernel keeps in one text, joined by 0x01.
    public var keys: [[UInt8]] {
        fields.filter { $0.field == UInt32(AUDIT_FILTERKEY) }
            .flatMap { ($0.text ?? []).split(separator: 1).map(Array.init) }
    }

    public func hasSyscall(_ number: Int32) -> Bool {
        let word = Int(sockaudit_rule_word(number))
        return number >= 0 && word < mask.count && mask[word] & sockaudit_rule_bit(number) != 0
    }

    public var syscalls: [Int32] {
        (0..<Int32(Self.maskWords * 32)).filter { hasSyscall($0) }
    }
}
