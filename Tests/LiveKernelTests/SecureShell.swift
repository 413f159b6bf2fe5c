import Foundation
import Glibc
import TestSupport
import Testing

/// sshd on the loopback, with keys and a configuration of its own: nothing of the host's is read, and
/// nothing of it changed.
final class SecureShell {
    private let folder: Scratch
    private let madeRun: Bool
    let subject: Subject
    let port: Int
    var pid: pid_t { subject.pid }

    /// Where sshd shuts its unprivileged processes in; made at boot where systemd is.
    private static let runFolder = "/run/sshd"

    init(traced: Bool = false) throws {
        folder = try Scratch()
        for key in ["host", "user"] {
            let made = try run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", folder.file(key)])
            guard made.code == 0 else { throw SupportError("ssh-keygen: \(made.err)") }
        }
        // C reads the path during the call alone.
        madeRun = unsafe mkdir(Self.runFolder, 0o755) == 0
        port = try WebServer.freePort()
        let config = try folder.write(
            "sshd_config",
            """
            ListenAddress 127.0.0.1:\(port)
            HostKey \(folder.file("host"))
            AuthorizedKeysFile \(folder.file("user.pub"))
            PidFile none
            UsePAM no
            StrictModes no
            PermitRootLogin prohibit-password
            PasswordAuthentication no
            KbdInteractiveAuthentication no
            UseDNS no
            PrintMotd no
            # As if in a shell already: bash then leaves the host's ~/.bashrc alone.
            SetEnv SHLVL=2
            """)
        subject = try Subject(
            "sshd", ["-D", "-e", "-f", config], traced: traced)
        _ = try subject.child.errLine("Server listening on 127.0.0.1")
    }

    // C reads the text during the call alone.
    deinit { if madeRun { unsafe rmdir(Self.runFolder) } }

    /// Without a PAM to ask, sshd refuses an account that is locked.
    static func needOpenAccount() throws {
        let shadow = try String(contentsOfFile: "/etc/shadow", encoding: .utf8)
        if shadow.split(separator: "\n").contains(where: { $0.hasPrefix("root:!") }) {
            try Skips.skip("root's account is locked, so sshd lets nobody in", optional: true)
        }
    }

    private func start(_ user: String, _ options: [String], _ command: [String]) throws -> Child {
        try Child(
            "ssh",
            [
                "-F", "none", "-T", "-p", "\(port)", "-i", folder.file("user"), "-o", "IdentitiesOnly=yes",
                "-o", "IdentityAgent=none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no",
                "-o", "UserKnownHostsFile=\(folder.file("known"))",
            ] + options + ["\(user)@127.0.0.1"] + command)
    }

    /// A login that runs one command and ends.
    func login(_ command: String = "true", user: String = "root") throws -> Int32 {
        let ssh = try start(user, [], [command])
        ssh.closeInput()
        return try ssh.wait()
    }

    /// A login that stays until its standard input is closed.
    func hold() throws -> Child {
        let ssh = try start("root", [], ["echo up; exec cat"])
        do { _ = try ssh.outLine("up") } catch { throw SupportError("\(error); sshd: \(subject.child.err)") }
        return ssh
    }

    /// A login of somebody who may not run a thing: sshd keeps a process of root and one of the user's
    /// for it. It stays until it is ended by a signal.
    func holdWithoutCommand(user: String) throws -> Child {
        let ssh = try start(user, ["-v", "-N"], [])
        do { _ = try ssh.errLine("debug1: Entering interactive session") } catch {
            throw SupportError("\(error); sshd: \(subject.child.err)")
        }
        return ssh
    }

    /// All processes of sshd and of what was started through it.
    var processes: [pid_t] { Proc.descendants(pid) }

    func end() throws {
        subject.signal(SIGTERM)
        _ = try subject.child.wait()
    }
}
