/* intruder PID [files]: makes system calls from inside a running process, as whoever has taken it over would, and prints
   one line for each: its name and 0, or the errno's name. The process goes on as if nothing had happened.

   The calls are put in with ptrace(2) between two of the process's own, so what answers is what the kernel holds
   that very process to. With `files` it only opens files and a socket, which harms nobody. x86_64 only; exit code 77 elsewhere. */
#include <stdio.h>
#ifndef __x86_64__
int main(void) {
    fprintf(stderr, "intruder: x86_64 only\n");
    return 77;
}
#else
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t victim;
static struct user_regs_struct before;
/* Below what the compiler may use under the stack pointer. */
static unsigned long scratch;

static void fail(const char *what) {
    perror(what);
    if (victim > 0) ptrace(PTRACE_DETACH, victim, 0, 0);
    exit(1);
}

static unsigned long put(int slot, const void *data, size_t length) {
    unsigned long there = scratch + 512ul * slot;
    struct iovec from = {(void *)data, length}, to = {(void *)there, length};
    if (process_vm_writev(victim, &from, 1, &to, 1, 0) != (ssize_t)length) fail("process_vm_writev");
    return there;
}
static unsigned long text(int slot, const char *words) { return put(slot, words, strlen(words) + 1); }

static void stopped(void) {
    int status;
    do {
        if (waitpid(victim, &status, __WALL) != victim) fail("waitpid");
        if (!WIFSTOPPED(status)) {
            fprintf(stderr, "intruder: the process has ended (%x)\n", status);
            exit(2);
        }
    } while (WSTOPSIG(status) != (SIGTRAP | 0x80) && WSTOPSIG(status) != SIGTRAP && WSTOPSIG(status) != SIGSTOP);
}

static long call(long number, long a, long b, long c, long d, long e, long f) {
    struct user_regs_struct regs = before;
    /* Where it waits, or was stopped, there is a `syscall` right before the instruction pointer. */
    regs.rip = before.rip - 2;
    regs.rax = number;
    /* It is in no call that could be begun anew. */
    regs.orig_rax = -1;
    regs.rdi = a, regs.rsi = b, regs.rdx = c, regs.r10 = d, regs.r8 = e, regs.r9 = f;
    if (ptrace(PTRACE_SETREGS, victim, 0, &regs)) fail("PTRACE_SETREGS");
    for (int step = 0; step < 2; step++) { /* to its entry, and to its end */
        if (ptrace(PTRACE_SYSCALL, victim, 0, 0)) fail("PTRACE_SYSCALL");
        stopped();
    }
    if (ptrace(PTRACE_GETREGS, victim, 0, &regs)) fail("PTRACE_GETREGS");
    return regs.rax;
}

static void say(const char *name, long result) {
    if (result < 0 && result > -4096)
        printf("%s %s\n", name, strerrorname_np(-result) ?: "?");
    else
        printf("%s 0\n", name);
}

#define TRY(name, ...) say(name, call6(__VA_ARGS__, 0, 0, 0, 0, 0, 0))
#define call6(number, a, b, c, d, e, f, ...) \
    call((long)(number), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

static void reach(void) {
    struct {
        uint64_t flags, mode, resolve;
    } how = {O_RDONLY, 0, 0};
    TRY("openat2", SYS_openat2, AT_FDCWD, text(0, "/etc/shadow"), put(1, &how, sizeof how), sizeof how);
    TRY("creat", SYS_creat, text(0, "/tmp/intruder"), 0600);
    TRY("name_to_handle_at", SYS_name_to_handle_at, AT_FDCWD, text(0, "/etc/shadow"), put(1, "", 1), put(2, "", 1), 0);
    TRY("open_by_handle_at", SYS_open_by_handle_at, 0, put(1, "", 1), O_RDONLY);
    TRY("unlink", SYS_unlink, text(0, "/tmp/intruder-none"));
    TRY("unlinkat", SYS_unlinkat, AT_FDCWD, text(0, "/tmp/intruder-none"), 0);
    TRY("rename", SYS_rename, text(0, "/tmp/intruder-none"), text(1, "/tmp/intruder-new"));
    TRY("renameat2", SYS_renameat2, AT_FDCWD, text(0, "/tmp/intruder-none"), AT_FDCWD, text(1, "/tmp/x"), 0);
    TRY("link", SYS_link, text(0, "/tmp/intruder-none"), text(1, "/tmp/intruder-new"));
    TRY("symlink", SYS_symlink, text(0, "/etc"), text(1, "/tmp/intruder-none/x"));
    TRY("mkdir", SYS_mkdir, text(0, "/proc/intruder"), 0700);
    TRY("chmod", SYS_chmod, text(0, "/tmp/intruder-none"), 0777);
    TRY("chown", SYS_chown, text(0, "/tmp/intruder-none"), 0, 0);
    TRY("truncate", SYS_truncate, text(0, "/tmp/intruder-none"), 0);
    TRY("chroot", SYS_chroot, text(0, "/tmp"));
    TRY("chdir", SYS_chdir, text(0, "/tmp"));
    TRY("mount", SYS_mount, text(0, "none"), text(1, "/tmp/intruder-none"), text(2, "tmpfs"), 0, 0);
    TRY("memfd_create", SYS_memfd_create, text(0, "x"), 0);

    TRY("socket unix", SYS_socket, AF_UNIX, SOCK_DGRAM, 0);
    TRY("socket netlink", SYS_socket, AF_NETLINK, SOCK_RAW, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = 9, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    TRY("connect", SYS_connect, 5, put(0, &address, sizeof address), sizeof address);
    TRY("bind", SYS_bind, 5, put(0, &address, sizeof address), sizeof address);
    TRY("sendto with an address", SYS_sendto, 5, put(1, "x", 1), 1, 0, put(0, &address, sizeof address),
        sizeof address);
    TRY("sendmsg of another socket", SYS_sendmsg, 99, put(0, &address, sizeof address), 0);
    TRY("pidfd_getfd", SYS_pidfd_getfd, 0, 0, 0);
    TRY("pidfd_open", SYS_pidfd_open, 1, 0);

    TRY("execve", SYS_execve, text(0, "/bin/sh"), 0, 0);
    TRY("execveat", SYS_execveat, AT_FDCWD, text(0, "/bin/sh"), 0, 0, 0);
    TRY("fork", SYS_fork);
    TRY("vfork", SYS_vfork);
    TRY("clone", SYS_clone, SIGCHLD, 0, 0, 0, 0);
    TRY("clone3", SYS_clone3, put(0, "", 1), 88);
    TRY("mmap executable", SYS_mmap, 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    TRY("mprotect executable", SYS_mprotect, scratch & ~4095ul, 4096, PROT_READ | PROT_EXEC);
    TRY("kill others", SYS_kill, getpid(), 0);
    TRY("kill all", SYS_kill, -1, 0);
    TRY("tgkill others", SYS_tgkill, getpid(), getpid(), 0);
    TRY("ptrace", SYS_ptrace, PTRACE_SEIZE, getppid(), 0, 0);
    TRY("process_vm_readv", SYS_process_vm_readv, 1, 0, 0, 0, 0, 0);
    TRY("process_vm_writev", SYS_process_vm_writev, 1, 0, 0, 0, 0, 0);
    TRY("prctl", SYS_prctl, 4, 1, 0, 0, 0); /* PR_SET_DUMPABLE */
    TRY("seccomp", SYS_seccomp, 0, 0, 0);
    TRY("setuid", SYS_setuid, 0);
    TRY("capset", SYS_capset, put(0, "", 1), 0);
    TRY("unshare", SYS_unshare, 0);
    TRY("setns", SYS_setns, 0, 0);
    TRY("bpf", SYS_bpf, 0, 0, 0);
    TRY("perf_event_open", SYS_perf_event_open, 0, 0, 0, 0, 0);
    TRY("io_uring_setup", SYS_io_uring_setup, 1, put(0, "", 1));
    TRY("userfaultfd", SYS_userfaultfd, 0);
    TRY("keyctl", SYS_keyctl, 0, 0, 0, 0, 0);
    TRY("init_module", SYS_init_module, 0, 0, 0);
    TRY("reboot", SYS_reboot, 0, 0, 0, 0);
    TRY("prlimit64 to set", SYS_prlimit64, 0, 7, put(0, &how, sizeof how), 0);
    TRY("ioctl TIOCSTI", SYS_ioctl, 2, 0x5412, put(0, "x", 1));
    TRY("fcntl F_SETOWN", SYS_fcntl, 0, F_SETOWN, 1);
}

int main(int count, char **words) {
    int all = count == 2;
    if (!all && (count != 3 || strcmp(words[2], "files"))) {
        fprintf(stderr, "usage: intruder PID [files]\n");
        return 64;
    }
    victim = atoi(words[1]);
    if (ptrace(PTRACE_ATTACH, victim, 0, 0)) fail("PTRACE_ATTACH");
    stopped();
    ptrace(PTRACE_SETOPTIONS, victim, 0, PTRACE_O_TRACESYSGOOD);
    if (ptrace(PTRACE_GETREGS, victim, 0, &before)) fail("PTRACE_GETREGS");
    uint16_t instruction = 0;
    struct iovec to = {&instruction, 2}, from = {(void *)(before.rip - 2), 2};
    if (process_vm_readv(victim, &to, 1, &from, 1, 0) != 2 || instruction != 0x050f) {
        fprintf(stderr, "intruder: it is in no system call\n");
        ptrace(PTRACE_DETACH, victim, 0, 0);
        return 75;
    }
    scratch = (before.rsp - 16384) & ~15ul;

    /* The control: what it may do works, also from here. */
    TRY("getpid", SYS_getpid);
    char mine[64];
    snprintf(mine, sizeof mine, "/proc/%d/exe", getpid());
    say("readlink exe", call6(SYS_readlink, text(0, mine), scratch + 4096, 64, 0, 0, 0) > 0 ? 0 : -EACCES);

    static const char *const files[] = {"/etc/shadow", "/proc/1/root/etc/shadow", "/proc/1/mem", "/proc/1/environ",
                                        "/proc/1/maps", "/etc/passwd", "/proc/self/mem", "/proc/1/stat", "/"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char name[64];
        snprintf(name, sizeof name, "openat %s", files[i]);
        TRY(name, SYS_openat, AT_FDCWD, text(0, files[i]), O_RDONLY);
        snprintf(name, sizeof name, "open %s", files[i]);
        TRY(name, SYS_open, text(0, files[i]), O_RDONLY);
    }
    TRY("socket inet", SYS_socket, AF_INET, SOCK_STREAM, 0);
    if (all) reach();

    TRY("getpid again", SYS_getpid);
    if (ptrace(PTRACE_SETREGS, victim, 0, &before)) fail("PTRACE_SETREGS");
    if (ptrace(PTRACE_DETACH, victim, 0, 0)) fail("PTRACE_DETACH");
    return 0;
}
#endif
