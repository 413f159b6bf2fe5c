import AuditStream
import Glibc
import SockAuditCore

/// What was read of processes, for those that have not run since.
///
/// A process's descriptors change only by what it does itself: one that has not been on a processor
/// holds what it held. Most of a host's processes sleep from table to table, and asking the kernel
/// for each descriptor costs more than all else in a table. Two things are not so: io_uring works in
/// threads of the kernel, so whoever uses it is always read; and a table of descriptors that
/// processes share (CLONE_FILES) changes by what another one does, so the number of descriptors must
/// be the same too, and everybody is read afresh once in a few looks.
final class ScanMemory {
    /// Is another one whenever the process has run, or its descriptors have become more or fewer.
    struct Activity: Equatable {
        /// /proc/PID/schedstat: nanoseconds on a processor, nanoseconds of waiting for one, and how
        /// many times. Three numbers of 64 bits fit.
        private var text = SIMD64<UInt8>()
        private var descriptors: Int64

        /// nil where the kernel does not tell: before 6.2 it does not say how many descriptors there
        /// are, and without CONFIG_SCHED_INFO not whether a process has run.
        static func of(_ pid: Int32) -> Activity? {
            var folder = stat()
            guard unsafe lstat("/proc/\(pid)/fd", &folder) == 0, folder.st_size > 0 else { return nil }
            var activity = Activity(descriptors: Int64(folder.st_size))
            if ProcFiles.areAsked {
                guard let text = ProcFiles.text(ProcFile(.schedstat, pid: pid)), text.first != 0x30 else {
                    return nil
                }
                for (index, byte) in text.enumerated() where index < 64 { activity.text[index] = byte }
                return activity
            }
            let file = ProcFiles.open("/proc/\(pid)/schedstat")
            guard file >= 0 else { return nil }
            defer { close(file) }
            // No more than the buffer holds.
            let count = unsafe withUnsafeMutableBytes(of: &activity.text) { buffer in
                SystemText.retrying { unsafe read(file, buffer.baseAddress, buffer.count) }
            }
            let saysNothing = activity.text[0] == UInt8(ascii: "0") && activity.text[1] == UInt8(ascii: " ")
            return count > 0 && !saysNothing ? activity : nil
        }

        init(descriptors: Int64) { self.descriptors = descriptors }
    }

    private struct Known {
        var activity: Activity
        var scan: ProcessScan
        /// The last look that asked for it.
        var look: Int
    }

    private var known: [Int32: Known] = [:]
    /// Read in advance.
    private var activities: [Int32: Activity] = [:]
    private var look = 0
    /// How many of them this look has asked for.
    private var asked = 0

    /// Every process is read at least in each so-many-th look.
    static let freshEvery = 8

    var count: Int { known.count }
    var isInUse: Bool { look > 0 }

    func beginLook() {
        // Processes that are no longer watched.
        if known.count > 64 + 2 * asked { known = known.filter { $0.value.look == look } }
        look += 1
        activities = [:]
        asked = 0
    }

    /// Reads how active the process was, for its scan.
    /// - Returns: whether what is known of it holds.
    func knows(_ pid: Int32) -> Bool {
        guard let activity = Activity.of(pid) else { return false }
        activities[pid] = activity
        return (look + Int(pid)) % Self.freshEvery != 0 && known[pid]?.activity == activity
    }

    func takeActivity(_ pid: Int32) -> Activity? { activities.removeValue(forKey: pid) }

    /// What was read when the process was last active; nil when it must be read again.
    func scan(_ pid: Int32, _ activity: Activity) -> ProcessScan? {
        // By the pid: so that not all of them come in the same look.
        if (look + Int(pid)) % Self.freshEvery == 0 { return nil }
        guard let index = known.index(forKey: pid), known.values[index].activity == activity else {
            return nil
        }
        known.values[index].look = look
        asked += 1
        return known.values[index].scan
    }

    /// - Parameter activity: read before the scan was made; nil when the process may have gone on
    ///   running while it was made.
    func keep(_ pid: Int32, _ scan: ProcessScan, _ activity: Activity?) {
        guard case .alive = scan.presence, let activity, !scan.usesRing else {
            known[pid] = nil
            return
        }
        known[pid] = Known(activity: activity, scan: scan, look: look)
        asked += 1
    }
}
