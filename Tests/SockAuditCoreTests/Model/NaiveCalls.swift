import TestSupport

@testable import SockAuditCore

/// The calls that the model's threads make.
enum Call {
    case socket(SocketFamily, cloexec: Bool)
    case openFile(cloexec: Bool)
    case accept(cloexec: Bool)
    case pair(cloexec: Bool)
    case close(Int32)
    case closeRange(UInt32, UInt32, marks: Bool)
    case dup(Int32, cloexec: Bool)
    case dupOver(Int32, Int32, cloexec: Bool)
    case mark(Int32, Bool)
    case execute
    case fork
    case exitGroup
    case killed
}

extension NaiveKernel {
    /// What a thread of this process does next; numbers are mostly those that are open.
    mutating func choose(_ owner: Int) -> Call? {
        let process = processes[owner]
        let known = process.files.filter { !mix.sane || ($0.value.known && !$0.value.claimed) }.keys.sorted()
        let sane = mix.sane && mix.threads > 1
        func some(_ random: inout Seeded) -> Int32 {
            known.isEmpty || !sane && random.chance(10)
                ? Int32(random.pick([0, 3, 5, 9, 40])) : random.pick(known)
        }
        let cloexec = random.chance(40)
        let roll = Int.random(in: 0..<1_000, using: &random)
        if known.isEmpty && sane { return .socket(.tcp, cloexec: cloexec) }
        // A table that grows without end would seldom use a number again.
        if known.count > 12 && roll < 600 { return claim(owner, some(&random)) }
        switch roll {
        case 0..<300: return .socket(random.pick(SocketFamily.allCases), cloexec: cloexec)
        case 300..<400: return mix.files ? .openFile(cloexec: cloexec) : nil
        case 400..<440: return .accept(cloexec: cloexec)
        case 440..<460: return .pair(cloexec: cloexec)
        case 460..<760: return claim(owner, some(&random))
        case 760..<790: return .dup(some(&random), cloexec: cloexec)
        case 790..<830:
            guard mix.sweeping else { return nil }
            return .dupOver(some(&random), random.chance(50) ? some(&random) : 30, cloexec: cloexec)
        case 830..<860: return .mark(some(&random), cloexec)
        case 860..<890:
            guard mix.sweeping else { return nil }
            let ends = [UInt32(bitPattern: some(&random)), random.pick([UInt32.max, 6, 20])].sorted()
            return .closeRange(ends[0], ends[1], marks: cloexec)
        // Other threads must be out of the kernel: exec waits until they are dead.
        case 890..<900: return mix.sweeping && !busy(owner) ? .execute : nil
        case 900..<915: return mix.forks ? .fork : nil
        case 915..<920: return mix.exits ? .exitGroup : nil
        case 920..<925: return mix.kills ? .killed : nil
        default: return nil
        }
    }

    private mutating func claim(_ owner: Int, _ fd: Int32) -> Call {
        processes[owner].files[fd]?.claimed = true
        return .close(fd)
    }

    /// The call takes effect. Returns what its record will say; nil when none will be written.
    mutating func perform(_ call: Call, _ owner: Int) -> Operation? {
        switch call {
        case .socket(let family, let cloexec):
            let fd = add(owner, .socket, family, cloexec)
            return .socket(fd: fd, family: family, closeOnExec: cloexec)
        case .openFile(let cloexec):
            let fd = processes[owner].lowestFree()
            opening = [fd]
            processes[owner].put(fd, .init(socket: nil, way: .accept, closeOnExec: cloexec))
            return nil
        case .accept(let cloexec):
            let fd = add(owner, .accept, .other, cloexec)
            return .accept(fd: fd, listener: -1, closeOnExec: cloexec)
        case .pair(let cloexec):
            let first = add(owner, .socketpair, .other, cloexec)
            let second = add(owner, .socketpair, .other, cloexec)
            return .socketPair(first: first, second: second, closeOnExec: cloexec)
        case .close(let fd):
            return processes[owner].close(fd) ? .close(fd: fd) : nil
        case .closeRange(let first, let last, let marks):
            for fd in processes[owner].files.keys where UInt32(fd) >= first && UInt32(fd) <= last {
                if marks {
                    processes[owner].files[fd]?.closeOnExec = true
                } else {
                    _ = processes[owner].close(fd)
                }
            }
            return .closeRange(first: first, last: last, marksCloseOnExec: marks)
        case .dup(let from, let cloexec):
            let to = processes[owner].lowestFree()
            guard processes[owner].files[from] != nil else { return nil }
            opening = [to]
            processes[owner].dup(from, to: to, closeOnExec: cloexec)
            return mix.audited.contains("dup") ? .duplicate(from: from, to: to, closeOnExec: cloexec) : nil
        case .dupOver(let from, let to, let cloexec):
            guard processes[owner].files[from] != nil else { return nil }
            if from != to {
                opening = [to]
                processes[owner].dup(from, to: to, closeOnExec: cloexec)
            }
            return .duplicateOver(from: from, to: to, closeOnExec: cloexec)
        case .mark(let fd, let flag):
            guard processes[owner].files[fd] != nil else { return nil }
            processes[owner].files[fd]?.closeOnExec = flag
            return .setCloseOnExec(fd: fd, flag)
        case .execute:
            processes[owner].execute()
            return .execute
        case .fork:
            guard processes.count(where: { $0.alive }) < mix.processes * 2 else { return nil }
            let child = spawn(parent: owner, pid: nil)
            return mix.audited.contains("fork") ? .fork(child: child, sharesFiles: false) : nil
        case .exitGroup:
            processes[owner].end(at: now, leavesRecord: true)
            return .exitGroup
        case .killed:
            kill(owner)
            return nil
        }
    }

    private mutating func add(
        _ owner: Int, _ way: NaiveProcess.Way, _ family: SocketFamily, _ cloexec: Bool
    ) -> Int32 {
        let fd = processes[owner].lowestFree()
        opening.append(fd)
        processes[owner].put(fd, .init(socket: (freshInode(), family), way: way, closeOnExec: cloexec))
        return fd
    }
}
