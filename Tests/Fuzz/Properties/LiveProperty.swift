enum LiveProperty { static func fault(_ bytes: [UInt8]) -> String? { nil } }
