import Testing

@testable import SockAuditCore

/// Units and containers, from the forms of /proc/PID/cgroup that systems have.
@Suite struct ControlGroupTests {
    private static let id = "3f4e8a1b2c9d" + String(repeating: "0a", count: 26)

    private func unit(_ text: String) -> String {
        String(decoding: ControlGroup.unit(Array(text.utf8)), as: UTF8.self)
    }

    @Test(arguments: [
        ("0::/system.slice/nginx.service\n", "nginx.service"),
        ("0::/system.slice/system-getty.slice/getty@tty1.service\n", "getty@tty1.service"),
        ("0::/system.slice/postgresql.service/worker\n", "postgresql.service"),
        ("0::/system.slice/run-r1:2.scope\n", "run-r1:2.scope"), ("0::/init.scope\n", "init.scope"),
        ("0::/user.slice/user-1000.slice/session-3.scope\n", "session-3.scope"),
        ("0::/user.slice/user-1000.slice/user@1000.service/app.slice/app-x.scope\n", "app-x.scope"),
        ("0::/user.slice/user-1000.slice/user@1000.service/init.scope\n", "user@1000.service"),
        ("0::/user.slice/user-1000.slice\n", "user-1000.slice"),
        ("0::/system.slice/old.service (deleted)\n", "old.service"), ("0::/\n", "/"),
        ("0::/custom/group\n", "/custom/group"), ("0::/.service\n", "/.service"),
        ("0::/machine.slice/systemd-nspawn@web.service/payload\n", "systemd-nspawn@web.service"),
    ])
    func unitsOfV2(_ text: String, _ expected: String) { #expect(unit(text) == expected) }

    @Test(arguments: [
        ("/system.slice/docker-\(id).scope", "docker:3f4e8a1b2c9d"), ("/docker/\(id)", "docker:3f4e8a1b2c9d"),
        ("/docker/\(id)/system.slice/nginx.service", "docker:3f4e8a1b2c9d"),
        ("/docker/\(id)/docker/" + String(repeating: "b", count: 64), "docker:3f4e8a1b2c9d"),
        ("/machine.slice/libpod-\(id).scope/container", "podman:3f4e8a1b2c9d"),
        ("/machine.slice/libpod-conmon-\(id).scope", "libpod-conmon-\(id).scope"),
        (
            "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-\(id).scope",
            "podman:3f4e8a1b2c9d"
        ),
        (
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod12_34.slice/cri-containerd-\(id).scope",
            "containerd:3f4e8a1b2c9d"
        ),
        ("/kubepods.slice/kubepods-pod1.slice/crio-\(id).scope", "crio:3f4e8a1b2c9d"),
        ("/kubepods/besteffort/pod12-34/\(id)", "kubepods:3f4e8a1b2c9d"),
        ("/default/\(id)", "container:3f4e8a1b2c9d"), ("/lxc/web/ns", "lxc:web"),
        ("/lxc.payload.web/x", "lxc:web"),
        ("/docker/short", "/docker/short"),
    ])
    func containers(_ path: String, _ expected: String) {
        #expect(unit("0::\(path)\n") == expected)
        #expect(unit("12:pids:\(path)\n1:name=systemd:\(path)\n") == expected)
    }

    @Test func severalHierarchies() {
        #expect(
            unit(
                "12:cpu,cpuacct:/\n11:pids:/system.slice/cron.service\n1:name=systemd:/system.slice/cron.service\n0::/\n"
            )
                == "cron.service")
        #expect(unit("4:memory:/a\n1:name=systemd:/system.slice/b.service\n0::/c\n") == "b.service")
        #expect(unit("4:memory:/a\n1:name=systemd:/\n0::/system.slice/c.service\n") == "c.service")
        #expect(unit("4:memory:/docker/\(Self.id)\n3:cpu:/\n") == "docker:3f4e8a1b2c9d")
    }

    @Test(arguments: ["", "\n", "0::\n", "0:/x\n", "nonsense", "0::x\n"])
    func whatSaysNothing(_ text: String) { #expect(unit(text) == "") }
}
