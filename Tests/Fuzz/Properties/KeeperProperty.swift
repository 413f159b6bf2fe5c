enum KeeperProperty { static func fault(_ bytes: [UInt8]) -> String? { nil } }
