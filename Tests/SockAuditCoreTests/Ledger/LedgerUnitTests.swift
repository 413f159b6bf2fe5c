import Testing

@testable import SockAuditCore

/// `--group-by unit`: which unit a process's figures go to.
@Suite struct LedgerUnitTests {
    private final class Host {
        var units: [Int32: String] = [:]
        var names = NameTable()
        var asked: Set<Int32> = []
        var serial: UInt64 = 0
        lazy var ledger = make(units: true)

        func make(units: Bool) -> SocketLedger {
            SocketLedger(
                settings: .init(live: true, units: units, endedRows: 1), scope: .all, names: names,
                probe: { pid in
                    self.asked.insert(pid)
                    guard let unit = self.units[pid] else { return nil }
                    var probe = ProcessProbe(
                        startTicks: UInt64(pid), start: 1_000, comm: self.names.intern(Array("app".utf8)))
                    probe.unit = self.names.intern(Array(unit.utf8))
                    return probe
                })
        }

        func call(_ pid: Int32, _ operation: Operation, parent: Int32 = 1) {
            serial += 1
            ledger.apply(
                AuditEvent(
                    serial: serial, stamp: 2_000 + Int64(serial), pid: pid, ppid: parent,
                    comm: names.intern(Array("app".utf8)), operation: operation))
        }

        func open(_ pid: Int32, parent: Int32 = 1) {
            call(pid, .socket(fd: 3, family: .tcp, closeOnExec: false), parent: parent)
        }

        func groups() -> [String: Int] {
            let rows = RowShaping.shape(
                ledger.takeRows(now: 3_000), families: SocketFamily.allCases, grouping: .unit)
            return Dictionary(
                uniqueKeysWithValues: rows.map {
                    (String(decoding: $0.name, as: UTF8.self), $0.figures.socketTotal.total)
                })
        }
    }

    @Test func itsOwnOrThatOfItsParent() {
        let host = Host()
        host.units = [10: "a.service", 11: "a.service", 20: "b.service"]
        host.open(10)
        host.open(11)
        // Gone before it could be asked; its parent is there. Of the last nobody knows.
        host.open(21, parent: 20)
        host.open(31, parent: 30)
        #expect(host.groups() == ["a.service": 2, "b.service": 1, "(unknown)": 1])
    }

    /// systemd's child goes into its unit before it executes.
    @Test func itMovesBeforeItExecutes() {
        let host = Host()
        host.units = [10: "init.scope"]
        host.open(10)
        host.units = [10: "web.service"]
        host.call(10, .execute)
        #expect(host.groups() == ["web.service": 1])
    }

    @Test func endedOnesAreFoldedByUnit() {
        let host = Host()
        for pid in Int32(10)...19 {
            host.units[pid] = pid < 14 ? "a.service" : "b.service"
            host.open(pid)
            host.call(pid, .exitGroup)
        }
        #expect(host.groups() == ["a.service": 4, "b.service": 6])
    }

    @Test func nobodyElseIsAskedWhereNobodyWantsUnits() {
        let host = Host()
        host.ledger = host.make(units: false)
        host.open(21, parent: 20)
        #expect(host.asked == [21])
    }
}
