import Testing

@testable import SockAuditCore

/// `--family`, `--group-by`, `--sort` and `--top`: figures are always sums.
@Suite struct RowShapingTests {
    private func row(
        _ name: String, _ pid: Int32, exe: String = "", auid: UInt32 = 0, tcp: Int, udp: Int
    ) -> Row {
        var row = Row()
        row.name = Array(name.utf8)
        row.pid = pid
        row.exe = Array(exe.utf8)
        row.auid = auid
        row.start = 1_000 + Int64(pid)
        row.duration = Double(pid)
        row.figures = Samples.figures(FamilyCounts(tcp: tcp, udp: udp), closed: FamilyCounts(tcp: tcp / 2))
        row.figures.others.came(.accept, .tcp)
        return row
    }

    private var rows: [Row] {
        [
            row("nginx", 10, exe: "/usr/sbin/nginx", auid: 5, tcp: 4, udp: 1),
            row("nginx", 11, exe: "/opt/nginx", tcp: 6, udp: 0),
            row("curl", 12, exe: "/usr/bin/curl", auid: 5, tcp: 0, udp: 2),
        ]
    }

    private func total(_ rows: [Row]) -> Figures { rows.reduce(into: Figures()) { $0 += $1.figures } }

    @Test func byProcessChangesNothing() {
        #expect(RowShaping.shape(rows, families: SocketFamily.allCases, grouping: .process) == rows)
    }

    @Test(arguments: [(RowShaping.Grouping.name, 2), (.exe, 3), (.auid, 2), (.node, 1)])
    func groupsAreSums(_ grouping: RowShaping.Grouping, _ count: Int) {
        let shaped = RowShaping.shape(rows, families: SocketFamily.allCases, grouping: grouping)
        #expect(shaped.count == count)
        #expect(total(shaped) == total(rows))
        #expect(shaped.reduce(0) { $0 + $1.processes } == 3)
        for row in shaped { #expect(row.figures.sumsHold) }
    }

    @Test func aGroupOfSeveral() throws {
        let shaped = RowShaping.shape(rows, families: SocketFamily.allCases, grouping: .name)
        let nginx = try #require(shaped.first { $0.name == Array("nginx".utf8) })
        #expect(nginx.pid == 0 && nginx.processes == 2 && nginx.exe.isEmpty)
        #expect(nginx.auid == AuditEvent.unset, "they differ")
        #expect(nginx.start == 1_010 && nginx.duration == 11)
        #expect(nginx.figures.socketTotal == FamilyCounts(tcp: 10, udp: 1))
        #expect(nginx.figures.others.open(.accept).total == 2)
        let curl = try #require(shaped.first { $0.name == Array("curl".utf8) })
        #expect(curl.pid == 12 && curl.processes == 1)
    }

    @Test func byAuid() {
        var all = rows
        all[0].auid = AuditEvent.unset
        let names = RowShaping.shape(all, families: SocketFamily.allCases, grouping: .auid).map(\.name)
        #expect(Set(names) == Set(["unset", "0", "5"].map { Array($0.utf8) }))
    }

    @Test func nodesAreNeverMixed() {
        var all = rows
        all[1].node = Array("web2".utf8)
        #expect(RowShaping.shape(all, families: SocketFamily.allCases, grouping: .name).count == 3)
    }

    @Test func byNode() throws {
        var all = rows + [row("nginx", 10, tcp: 1, udp: 0)]
        all[1].node = Array("web2".utf8)
        all[2].node = Array("web2".utf8)
        let shaped = RowShaping.shape(all, families: SocketFamily.allCases, grouping: .node)
        #expect(shaped.count == 2 && total(shaped) == total(all))
        let web2 = try #require(shaped.first { $0.node == Array("web2".utf8) })
        #expect(web2.name == web2.node && web2.pid == 0 && web2.processes == 2 && web2.exe.isEmpty)
        #expect(web2.figures.socketTotal == FamilyCounts(tcp: 6, udp: 2))
        let rest = try #require(shaped.first { $0.node.isEmpty })
        #expect(rest.name == Array("(no node)".utf8) && rest.processes == 2)
        #expect(rest.figures.socketTotal == FamilyCounts(tcp: 5, udp: 1))
    }

    @Test func aFamilyLeavesTheOthersOut() {
        let shaped = RowShaping.shape(rows, families: [.udp], grouping: .process)
        #expect(shaped.map(\.pid) == [10, 12], "rows without any are left out")
        #expect(shaped.map(\.figures.socketTotal) == [FamilyCounts(udp: 1), FamilyCounts(udp: 2)])
        #expect(shaped.allSatisfy { $0.figures.sumsHold && $0.figures.others.open.tcp == 0 })
    }

    @Test(
        arguments: [
            (RowOrder.open, [11, 10, 12]), (.socket, [11, 10, 12]), (.close, [11, 10, 12]),
            (.name, [12, 10, 11]),
            (.pid, [10, 11, 12]), (.age, [10, 11, 12]),
        ] as [(RowOrder, [Int32])])
    func orders(_ order: RowOrder, _ expected: [Int32]) {
        var all = rows
        all[1].figures = Samples.figures(FamilyCounts(tcp: 20), closed: FamilyCounts(tcp: 8))
        for _ in 0..<4 {
            all.shuffle()
            #expect(all.sorted(by: order).map(\.pid) == expected)
        }
    }

    @Test func tiesNeverFlicker() {
        let tied = (0..<20).map { row("same", Int32(20 - $0), tcp: 1, udp: 1) }
        for order in [RowOrder.open, .socket, .close, .name] {
            #expect(tied.shuffled().sorted(by: order).map(\.pid) == Array(1...20))
        }
    }
}
