import TestSupport
import Testing

@testable import SockAuditCore

/// Which open sockets come first, which are alike, and that a hundred thousand cost no more than a thousand.
@Suite struct OpenSocketsTests {
    static func socket(
        _ fd: Int32, _ state: SocketState? = .established, opened: Int64? = Samples.time - 99_000,
        origin: Origin = .socket,
        local: (UInt64, UInt16) = (0x7F00_0001, 40_000), peer: (UInt64, UInt16) = (0x7F00_0001, 80),
        thread: String = "main"
    ) -> OpenSocket {
        var socket = OpenSocket()
        socket.pid = 7
        socket.name = Array("srv".utf8)
        socket.fd = fd
        socket.family = .tcp
        socket.origin = origin
        socket.serial = opened == nil ? 0 : UInt64(fd) + 100
        socket.opened = opened
        socket.age = opened.map { Double(Samples.time - $0) / 1_000 }
        socket.thread = Array(thread.utf8)
        socket.endpoint = state.map {
            .inet(
                local: InetAddress(low: local.0, port: local.1), peer: InetAddress(low: peer.0, port: peer.1),
                $0)
        }
        return socket
    }

    static func all(_ sockets: [OpenSocket], limit: Int = OpenSockets.most) -> OpenSockets {
        var open = OpenSockets(limit: limit)
        for socket in sockets { open.add(socket) }
        open.finish()
        return open
    }

    @Test func order() {
        let open = Self.all([
            Self.socket(1, .listen, opened: 1), Self.socket(2, opened: 500), Self.socket(3, opened: 400),
            Self.socket(4, .closeWait, opened: 900), Self.socket(5, nil, opened: nil),
            Self.socket(6, .closeWait, opened: 800),
        ])
        #expect(open.sockets.map(\.fd) == [6, 4, 5, 3, 2, 1])
        #expect(open.total == 6 && open.closeWait == 2 && open.unreadable == 0)
    }

    @Test(arguments: 0..<5)
    func theFirstOfMany(_ seed: Int) {
        var random = Seeded(seed)
        let states: [SocketState] = [.closeWait, .established, .listen]
        let sockets = (0..<5_000).map {
            Self.socket(
                Int32($0), random.pick(states), opened: Int64.random(in: 0..<90_000, using: &random),
                local: (0x7F00_0001, UInt16.random(in: 1...9_999, using: &random)))
        }
        let open = Self.all(sockets, limit: 100)
        #expect(open.sockets == Array(sockets.sorted(by: OpenSocket.comesFirst).prefix(100)))
        #expect(open.total == 5_000 && open.closeWait == sockets.count { $0.endpoint?.state == .closeWait })
    }

    @Test func alikeOnesShareALine() {
        var sockets = (1...40).map {
            Self.socket(
                Int32($0), .closeWait, opened: Int64(1_000 - $0), local: (0x7F00_0001, UInt16(40_000 + $0)),
                thread: "pool-\($0)")
        }
        sockets += (1...30).map {
            Self.socket(
                Int32(100 + $0), .closeWait, origin: .accept, local: (0x7F00_0001, 8_080),
                peer: (0x0A00_0000 + UInt64($0), UInt16(50_000 + $0)))
        }
        sockets.append(Self.socket(200, .closeWait, peer: (0x7F00_0001, 443)))
        sockets.append(Self.socket(201, .established))
        let groups = Self.all(sockets).groups
        #expect(groups.map(\.count) == [40, 30, 1, 1])
        #expect(
            groups[0].oldest.fd == 40 && groups[0].local?.text == "127.0.0.1:*"
                && groups[0].peer?.text == "127.0.0.1:80")
        #expect(groups[1].local?.text == "127.0.0.1:8080" && groups[1].peer == nil, "thirty peers")
        #expect(groups[2].peer?.text == "127.0.0.1:443" && groups[3].oldest.rank == 1)
    }

    @Test func portsThatTheKernelChoseAreAlike() {
        let sockets = [53, 123, 40_000, 40_001, 50_000].enumerated().map {
            Self.socket(
                Int32($0.offset), .unconnected, local: (0x7F00_0001, UInt16($0.element)), peer: (0, 0))
        }
        let groups = Self.all(sockets).groups
        #expect(groups.map { $0.local?.text } == ["127.0.0.1:*", "127.0.0.1:53", "127.0.0.1:123"])
        #expect(groups[0].count == 3)
    }

    @Test func groupsAreBounded() {
        let sockets = (0..<1_000).map { Self.socket(Int32($0), peer: (UInt64($0), 80)) }
        let open = Self.all(sockets)
        #expect(open.groups.count == 200 && open.total == 1_000)
    }

    @Test func addedUp() {
        let a = Self.all([Self.socket(1, .closeWait), Self.socket(2, .closeWait)])
        let b = Self.all([Self.socket(3, .closeWait, opened: 10), Self.socket(4, .listen)])
        let sum = a + b
        #expect(sum.total == 4 && sum.closeWait == 3 && sum.sockets.map(\.fd) == [3, 1, 2, 4])
        #expect(sum.groups.map(\.count) == [3, 1] && sum.groups[0].oldest.fd == 3)
    }

    @Test func oneTableHasOneRoom() {
        let request = OpenSocketRequest(now: 0)
        #expect((0..<50).allSatisfy { _ in request.takeRoom(5_000) == 1_000 })
        #expect(request.takeRoom(5_000) == 10 && request.takeRoom(3) == 3, "a few in any case")
    }

    // MARK: from the ledger

    private func open(
        _ bench: Bench, _ pid: Int32 = 10, olderThan: Double = 0,
        families: [SocketFamily] = SocketFamily.allCases,
        _ endpoint: @escaping (Int32, Int32, UInt64) -> EndpointAnswer = { _, _, _ in .none }
    ) -> OpenSockets? {
        let request = OpenSocketRequest(
            now: bench.now, olderThan: olderThan, families: families, endpoint: endpoint)
        return bench.ledger.takeRows(now: bench.now, open: request).first { $0.pid == pid }?.openSockets
    }

    @Test func theEvidenceOfEachSocket() throws {
        let bench = Bench()
        bench.start(10)
        bench.comm = "worker-1"
        bench.socket(10, 3)
        let (serial, stamp) = (bench.serial, bench.now)
        bench.comm = "nginx"
        bench.call(10, .accept(fd: 4, listener: 3, closeOnExec: false))
        bench.comm = "copier"
        bench.call(10, .duplicate(from: 3, to: 5, closeOnExec: false))
        bench.call(10, .duplicateOver(from: 3, to: 3, closeOnExec: false))
        bench.call(10, .socketPair(first: 6, second: 7, closeOnExec: false))
        bench.socket(10, 8, .udp)
        bench.close(10, 8)
        bench.comm = "parent"
        bench.call(10, .fork(child: 11, sharesFiles: false))
        bench.now += 10_000
        let found = try #require(open(bench)).sockets
        #expect(found.map(\.fd) == [3, 4, 5, 6, 7])
        #expect(found.map(\.origin) == [.socket, .accept, .dup, .socketpair, .socketpair])
        #expect(
            found.map { String(decoding: $0.thread, as: UTF8.self) } == [
                "worker-1", "nginx", "copier", "copier", "copier",
            ])
        let first = found[0]
        #expect(
            first.serial == serial && first.opened == stamp && first.age == Double(bench.now - stamp) / 1_000)
        #expect(first.pid == 10 && first.uid == 33 && first.auid == 1_000 && first.session == 3)
        #expect(String(decoding: first.name, as: UTF8.self) == "nginx")
        let child = try #require(open(bench, 11)).sockets
        #expect(
            child.count == 5
                && child.allSatisfy { $0.origin == .inherited && $0.thread == Array("parent".utf8) })
    }

    @Test func ageAndFamily() throws {
        let bench = Bench()
        bench.start(10)
        bench.socket(10, 3)
        bench.look([10: bench.scan(10, [3: 33, 9: 99])])
        bench.now += 60_000
        bench.socket(10, 4, .udp)
        #expect(try #require(open(bench, olderThan: 30)).sockets.map(\.fd) == [9, 3], "9 is of no known age")
        #expect(open(bench)?.sockets.map(\.fd) == [9, 3, 4])
        #expect(open(bench, families: [.udp])?.sockets.map(\.fd) == [4])
        #expect(open(bench, olderThan: 30, families: [.udp]) == nil)
        bench.call(10, .exitGroup)
        #expect(open(bench) == nil)
    }

    @Test func theEndsByTheInodeThatProcTold() throws {
        let bench = Bench()
        bench.start(10)
        bench.socket(10, 3)
        bench.look([10: bench.scan(10, [3: 33])])
        bench.socket(10, 4)
        var asked: [UInt64] = []
        let endpoint = OpenSocketsTests.socket(0, .closeWait).endpoint
        let found = try #require(
            open(bench) { pid, fd, inode in
                asked.append(inode)
                return inode == 33 ? endpoint.map(EndpointAnswer.known) ?? .none : .unreadable
            })
        #expect(Set(asked) == [33, 0] && found.unreadable == 1 && found.closeWait == 1)
        #expect(found.sockets.map(\.endpoint) == [endpoint, nil])
    }

    /// Names go when nobody bears them; a thread may have ended long before its socket.
    @Test func theThreadsNameStaysAsLongAsItsSocket() throws {
        let bench = Bench()
        bench.start(10)
        bench.comm = "worker-1"
        bench.socket(10, 3)
        bench.comm = "nginx"
        bench.socket(10, 4)
        for _ in 0..<3 { bench.ledger.names.sweep { bench.ledger.markNames($0) } }
        let threads = try #require(open(bench)).sockets.map { String(decoding: $0.thread, as: UTF8.self) }
        #expect(threads == ["worker-1", "nginx"])
    }

    /// Every open socket of a host has one.
    @Test func theThreadsNameCostsNoRoom() {
        #expect(MemoryLayout<Descriptor>.stride == 56)
    }
}
