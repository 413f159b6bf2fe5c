/// Which systemd unit or container a process belongs to, from what /proc/PID/cgroup says (cgroups(7)).
public enum ControlGroup {
    /// How much of a container's id is shown, as container tools show it.
    private static let shortID = 12

    /// - Parameter file: lines of `number:controllers:path`; one of cgroup v2, one for each hierarchy of v1.
    /// - Returns: `nginx.service`, `docker:3f4e8a1b2c9d`, `user-1000.slice`, or the path where it is no one's;
    ///   empty when the text says nothing.
    public static func unit(_ file: [UInt8]) -> [UInt8] {
        guard let path = path(file) else { return [] }
        let parts = path.split(separator: UInt8(ascii: "/")).map(Array.init)
        if let container = container(parts) { return container }
        // The innermost: a user's own units are below user@1000.service. The init.scope there, and in a
        // service that was given its part of the tree, is the manager's or service's own.
        let units = parts.filter { ends($0, ".service") || ends($0, ".scope") }
        let named = units.count > 1 ? units.filter { $0 != Array("init.scope".utf8) } : units
        if let unit = named.last { return unit }
        if let slice = parts.last(where: { ends($0, ".slice") }) { return slice }
        return path
    }

    /// Of several hierarchies systemd's own says most, then that of v2, then any.
    private static func path(_ file: [UInt8]) -> [UInt8]? {
        var best: (rank: Int, path: [UInt8])?
        for line in file.split(separator: 0x0A) {
            let fields = line.split(
                separator: UInt8(ascii: ":"), maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3, fields[2].first == UInt8(ascii: "/") else { continue }
            var path = Array(fields[2])
            let gone = Array(" (deleted)".utf8)
            if path.count > gone.count, path.suffix(gone.count) == gone[...] { path.removeLast(gone.count) }
            // A hierarchy that nothing is sorted into.
            let isRoot = path.count == 1
            let rank =
                (isRoot ? 0 : 3)
                + (fields[1].elementsEqual("name=systemd".utf8) ? 2 : fields[1].isEmpty ? 1 : 0)
            if best.map({ rank > $0.rank }) ?? true { best = (rank, path) }
        }
        return best?.path
    }

    // MARK: containers

    /// Prefixes of scopes, as runtimes with systemd make them: `docker-ID.scope`.
    private static let scopes: [(prefix: String, name: String)] = [
        ("docker-", "docker"), ("cri-containerd-", "containerd"), ("crio-", "crio"), ("libpod-", "podman"),
        ("nerdctl-", "containerd"),
    ]

    /// Folders under which runtimes without systemd put one folder a container: `/docker/ID`.
    private static let folders: [(folder: String, name: String)] = [
        ("docker", "docker"), ("libpod_parent", "podman"), ("lxc", "lxc"), ("garden", "garden"),
    ]

    /// The outermost that is one: what runs inside may have units and containers of its own.
    private static func container(_ parts: [[UInt8]]) -> [UInt8]? {
        for (index, part) in parts.enumerated() {
            for scope in scopes {
                guard ends(part, ".scope"), part.starts(with: scope.prefix.utf8) else { continue }
                let id = part.dropFirst(scope.prefix.utf8.count).dropLast(".scope".utf8.count)
                if isID(id) { return name(scope.name, id) }
            }
            // containerd without systemd: `namespace/ID`; a pod's containers: `kubepods/.../podUID/ID`.
            if isID(part[...]) {
                let before = index > 0 ? parts[index - 1] : []
                let isPod = parts[..<index].contains { $0.starts(with: "kubepods".utf8) }
                let folder = folders.first { before.elementsEqual($0.folder.utf8) }?.name
                return name(isPod ? "kubepods" : folder ?? "container", part[...])
            }
            // lxc names its containers; an id is not what they have.
            if part.elementsEqual("lxc".utf8), index + 1 < parts.count {
                return name("lxc", parts[index + 1][...])
            }
            let payload = Array("lxc.payload.".utf8)
            if part.starts(with: payload), part.count > payload.count {
                return name("lxc", part.dropFirst(payload.count))
            }
        }
        return nil
    }

    private static func name(_ runtime: String, _ id: ArraySlice<UInt8>) -> [UInt8] {
        Array(runtime.utf8) + [UInt8(ascii: ":")] + (isID(id) ? id.prefix(shortID) : id)
    }

    /// 64 digits, as all runtimes give them: nothing else is so long by chance.
    private static func isID(_ text: ArraySlice<UInt8>) -> Bool {
        text.count == 64 && text.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    }

    private static func ends(_ part: [UInt8], _ ending: String) -> Bool {
        part.count > ending.utf8.count && part.suffix(ending.utf8.count).elementsEqual(ending.utf8)
    }
}
