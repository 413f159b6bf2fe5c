/// How a socket came into a process's descriptor table. Only `socket` enters the five figures.
public enum Origin: UInt8, CaseIterable, Sendable {
    case socket
    case accept, socketpair, dup, inherited
    /// Open before we started to watch (seen by the first look into /proc).
    case earlier
    /// Found in /proc with no record of how it came: received in a message, io_uring, inherited
    /// in a mode that does not audit fork.
    case unseen

    /// The heading of its column in the wide table.
    var title: String {
        switch self {
        case .socket: "StillOPEN"
        case .accept: "Accepted"
        case .socketpair: "Paired"
        case .dup: "Copied"
        case .inherited: "Inherited"
        case .earlier: "Earlier"
        case .unseen: "Unseen"
        }
    }

    /// The key in JSON's `others`.
    public var name: String {
        switch self {
        case .socket: "socket"
        case .accept: "accept"
        case .socketpair: "socketpair"
        case .dup: "dup"
        case .inherited: "inherited"
        case .earlier: "earlier"
        case .unseen: "unseen"
        }
    }
}

/// One open socket of one process.
public struct Descriptor: Equatable, Sendable {
    public var family: SocketFamily
    public var kind = SocketKind.unknown
    public var origin: Origin
    public var closeOnExec: Bool
    /// The thread that opened it, by the name it had then.
    public var thread = NameID.none
    /// Serial and entry time (ms) of the call that opened it.
    public var serial: UInt64
    public var stamp: Int64
    /// A close entered before this (ms) cannot be its own; its stamp, unless it stands in for one
    /// that it replaced within a tick.
    public var closableFrom: Int64
    /// The ledger's epoch when it was opened: a look into /proc judges only what is older.
    public var epoch: UInt32
    /// Socket inode, once a look into /proc has told it; 0 before.
    public var inode: UInt64 = 0
    /// It was held for closed until /proc showed a socket under its number: see `resurrect`.
    var resurrected = false
    /// Its close was entered in the same clock tick.
    var closedInTick = false
    /// The record of its close followed that of its opening at once.
    var closedAtOnce = false

    /// A record told of its coming, so one will tell of its close. What was found in /proc, or came by
    /// fork, may have gone before we heard of it, or by exec with a mark that nobody told of.
    var isCloseWaitedFor: Bool { serial != 0 && origin != .inherited }

    init(
        family: SocketFamily, origin: Origin, closeOnExec: Bool, serial: UInt64, stamp: Int64, epoch: UInt32
    ) {
        self.family = family
        self.origin = origin
        self.closeOnExec = closeOnExec
        self.serial = serial
        self.stamp = stamp
        self.epoch = epoch
        closableFrom = stamp
    }
}
