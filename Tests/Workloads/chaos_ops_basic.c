#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "chaos.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

const struct op ops[] = {
    // name, function, weight, set all only, fit for threads, off unless asked for
    {"socket", op_socket, 30, false, true, false},
    {"socket_fail", op_socket_fail, 5, false, true, false},
    {"close_own", op_close_own, 18, false, true, false},
    {"close_other", op_close_other, 7, false, true, false},
    {"close_bad", op_close_bad, 5, false, true, false},
    {"file", op_file, 6, false, true, false},
    {"pipe", op_pipe, 2, false, true, false},
    {"dup2_over", op_dup2_over, 4, false, true, false},
    {"dup2_fresh", op_dup2_fresh, 2, false, false, false},
    {"dup2_same", op_dup2_same, 2, false, true, false},
    {"dup2_fail", op_dup2_fail, 2, false, true, false},
    {"close_range", op_close_range, 3, false, true, false},
    {"cloexec", op_cloexec, 8, false, true, false},
    {"check", op_check, 1, false, false, false},
    {"fork", op_fork, 3, false, false, false},
    {"exec", op_exec, 2, false, false, false},
    {"exec_fail", op_exec_fail, 1, false, false, false},
    {"threads", op_threads, 3, false, false, false},
    {"dup", op_dup, 4, true, true, false},
    {"dupfd", op_dupfd, 4, true, true, false},
    {"accept", op_accept, 3, true, true, false},
    {"socketpair", op_socketpair, 3, true, true, false},
    {"range_cloexec", op_range_cloexec, 3, true, true, false},
    {"range_unshare", op_range_unshare, 2, true, false, false},
    {"scm", op_scm, 3, true, true, false},
    {"pidfd", op_pidfd, 2, true, true, false},
    {"hibits", op_hibits, 4, true, true, false},
    {"i386_socket", op_i386_socket, 6, true, true, false},
    {"i386_close", op_i386_close, 4, true, true, false},
    {"i386_other", op_i386_other, 2, true, true, false},
    {"exec_thread", op_exec_thread, 1, true, false, false},
    {"thread_fork", op_thread_fork, 2, true, true, false},
    {"vfork", op_vfork, 2, true, false, false},
    {"spawn", op_spawn, 2, true, false, false},
    {"unshare", op_unshare, 1, true, false, false},
    {"clone_files", op_clone_files, 4, true, false, true},
};
const int nops = sizeof ops / sizeof *ops;

// --calm: one thread's op at a time, record included, which the kernel writes before the call
// returns. A forked child starts with a lock of its own.
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static void fresh_turn(void) { turn = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER; }
static void watch_forks(void) { pthread_atfork(NULL, NULL, fresh_turn); }

void step(struct model *m) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    bool turns = P.cfg.calm && m->threaded;
    if (turns) {
        pthread_once(&once, watch_forks);
        pthread_mutex_lock(&turn);
    }
    // An op may not be applicable (nothing to close, no fork left), so draw again a few times.
    for (int tries = 0; tries < 8; tries++) {
        int total = 0, i;
        for (i = 0; i < nops; i++)
            if ((P.cfg.ops >> i & 1) && (!m->threaded || ops[i].threads)) total += ops[i].weight;
        if (!total) return;
        int at = rnd(m, total);
        for (i = 0; i < nops; i++) {
            if (!(P.cfg.ops >> i & 1) || (m->threaded && !ops[i].threads)) continue;
            if ((at -= ops[i].weight) < 0) break;
        }
        if (ops[i].fn(m)) {
            atomic_fetch_add(&S->op_done[i], 1);
            break;
        }
    }
    if (turns) pthread_mutex_unlock(&turn);
    if (P.cfg.pace_us) usleep((useconds_t)P.cfg.pace_us);
}

int sock_flags(struct model *m, bool *cloexec) {
    *cloexec = chance(m, 35);
    return (*cloexec ? SOCK_CLOEXEC : 0) | (chance(m, 25) ? SOCK_NONBLOCK : 0);
}

// A refused call counts nowhere; which ones a kernel refuses depends on its build and on our rights.
int open_own(struct model *m, int domain, int type, int protocol, enum fam fam) {
    bool cloexec;
    int flags = sock_flags(m, &cloexec);
    int fd = socket(domain, type | flags, protocol);
    if (fd >= 0) m_socket(m, fd, fam, cloexec);
    return fd;
}

int op_socket(struct model *m) {
    if (m->nopen >= MAXOPEN) return 0;
    static const int raw_protocols[] = {IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_RAW};
    // NETLINK_AUDIT stays out of it: the audit subsystem is in use by others.
    static const int netlinks[] = {NETLINK_ROUTE, NETLINK_KOBJECT_UEVENT, NETLINK_GENERIC};
    int tcp = chance(m, 50) ? IPPROTO_TCP : 0, udp = chance(m, 50) ? IPPROTO_UDP : 0, n;
    switch (rnd(m, 12)) {
    case 0: open_own(m, AF_INET, SOCK_STREAM, tcp, F_TCP); break;
    case 1: open_own(m, AF_INET6, SOCK_STREAM, tcp, F_TCP); break;
    case 2: open_own(m, AF_INET, SOCK_DGRAM, udp, F_UDP); break;
    case 3: open_own(m, AF_INET6, SOCK_DGRAM, udp, F_UDP); break;
    case 4: open_own(m, AF_UNIX, SOCK_STREAM, rnd(m, 2), F_OTHER); break;
    case 5: open_own(m, AF_UNIX, SOCK_DGRAM, rnd(m, 2), F_OTHER); break;
    case 6:
        n = netlinks[rnd(m, 3)];
        open_own(m, AF_NETLINK, chance(m, 50) ? SOCK_RAW : SOCK_DGRAM, n, F_OTHER);
        break;
    case 7: open_own(m, chance(m, 70) ? AF_INET : AF_INET6, SOCK_RAW, raw_protocols[rnd(m, 4)], F_OTHER); break;
    case 8: // protocol 0: the packet socket sees no traffic
        open_own(m, AF_PACKET, chance(m, 50) ? SOCK_RAW : SOCK_DGRAM, 0, F_OTHER);
        break;
    case 9:
        if (open_own(m, AF_INET, SOCK_DGRAM, IPPROTO_ICMP, F_OTHER) < 0)
            open_own(m, AF_UNIX, SOCK_SEQPACKET, 0, F_OTHER);
        break;
    case 10:
        if (open_own(m, chance(m, 70) ? AF_INET : AF_INET6, SOCK_STREAM, IPPROTO_MPTCP, F_OTHER) < 0)
            open_own(m, AF_INET, SOCK_STREAM, IPPROTO_TCP, F_TCP);
        break;
    default: open_own(m, AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE, F_OTHER); break;
    }
    return 1;
}

int op_socket_fail(struct model *m) {
    static const int bad[][3] = {
        {4000, SOCK_STREAM, 0},
        {-1, SOCK_DGRAM, 0},
        {AF_INET, SOCK_STREAM, 999},
        {AF_INET, SOCK_STREAM, IPPROTO_UDP},
        {AF_INET6, SOCK_DGRAM, IPPROTO_TCP},
        {AF_INET, 15, 0},
        {AF_INET, SOCK_STREAM | 0x100000, 0},
        {AF_UNIX, SOCK_STREAM, 77},
        {AF_NETLINK, SOCK_STREAM, 0},
    };
    const int *b = bad[rnd(m, sizeof bad / sizeof *bad)];
    int fd = socket(b[0], b[1], b[2]);
    if (fd >= 0) {
        fail("socket(%d, %d, %d) succeeded", b[0], b[1], b[2]);
        close(fd);
    }
    return 1;
}

static int close_one(struct model *m, int fd) {
    if (fd < 0) return 0;
    if (close(fd) != 0) fail("close(%d): %s", fd, strerror(errno));
    m_close(m, fd);
    return 1;
}

int op_close_own(struct model *m) { return close_one(m, pick_fd(m, PICK_OWN)); }

int op_close_other(struct model *m) { return close_one(m, pick_fd(m, PICK_OTHER)); }

int op_close_bad(struct model *m) {
    static const int never[] = {-1, -5, -2147483647 - 1, 2147483647, 1 << 20};
    int fd = never[rnd(m, 5)];
    if (!m->threaded && chance(m, 50)) fd = pick_free(m);
    if (close(fd) != -1 || errno != EBADF) fail("close(%d) closed something", fd);
    return 1;
}

int op_file(struct model *m) {
    if (m->nopen >= MAXOPEN) return 0;
    bool cloexec = chance(m, 35);
    const char *path = chance(m, 70) ? "/dev/null" : "/";
    m_open(m, open(path, O_RDONLY | (cloexec ? O_CLOEXEC : 0)), K_FILE, cloexec);
    return 1;
}

int op_pipe(struct model *m) {
    if (m->nopen >= MAXOPEN) return 0;
    bool cloexec = chance(m, 35);
    int p[2] = {-1, -1};
    if (pipe2(p, cloexec ? O_CLOEXEC : 0) != 0) fail("pipe2: %s", strerror(errno));
    m_open(m, p[0], K_PIPE, cloexec);
    m_open(m, p[1], K_PIPE, cloexec);
    return 1;
}

static int dup_onto(struct model *m, int from, int to) {
    if (from < 0 || to < 0 || from == to) return 0;
    bool three = chance(m, 50), cloexec = three && chance(m, 40);
    int r = three ? dup3(from, to, cloexec ? O_CLOEXEC : 0) : dup2(from, to);
    if (r != to) fail("dup2(%d, %d) = %d: %s", from, to, r, strerror(errno));
    m_over(m, to, m->tab[from].kind, cloexec);
    return 1;
}

int op_dup2_over(struct model *m) {
    return dup_onto(m, pick_fd(m, PICK_ANY), pick_fd(m, chance(m, 75) ? PICK_OWN : PICK_OTHER));
}

int op_dup2_fresh(struct model *m) {
    return m->nopen < MAXOPEN && dup_onto(m, pick_fd(m, PICK_ANY), pick_free(m));
}

int op_dup2_same(struct model *m) {
    int fd = pick_fd(m, PICK_OWN);
    if (fd < 0) return 0;
    if (dup2(fd, fd) != fd) fail("dup2(%d, same): %s", fd, strerror(errno));
    return 1;
}

// All of these leave the socket where it was.
int op_dup2_fail(struct model *m) {
    int fd = pick_fd(m, PICK_OWN), r;
    if (fd < 0) return 0;
    switch (rnd(m, 4)) {
    case 0: r = dup2(-1, fd); break;
    case 1: r = dup3(fd, fd, O_CLOEXEC); break;
    case 2: r = dup2(fd, -1); break;
    default: r = dup2(1 << 20, fd); break;
    }
    if (r != -1) fail("a bad dup2 about fd %d returned %d", fd, r);
    return 1;
}

// Among threads only a run of fds that are all ours may be named: any number in between can at this
// moment become another thread's.
void range_pick(struct model *m, unsigned *first, unsigned *last) {
    if (m->threaded) {
        int fd = pick_fd(m, PICK_ANY), end = fd;
        while (fd >= 0 && chance(m, 70) && end + 1 < MAXFD && m->tab[end + 1].kind != K_NONE &&
               !m->tab[end + 1].pinned)
            end++;
        *first = fd < 0 ? 1 << 20 : (unsigned)fd;
        *last = fd < 0 ? 1 << 20 : (unsigned)end;
        return;
    }
    *first = 3 + (unsigned)rnd(m, 60);
    switch (rnd(m, 8)) {
    case 0: *last = ~0u; break;
    case 1: *last = *first + (unsigned)rnd(m, 800); break;
    case 2: *first = *last = 0; break;
    default: *last = *first + (unsigned)rnd(m, 5); break;
    }
}

int op_close_range(struct model *m) {
    unsigned first, last;
    range_pick(m, &first, &last);
    if (chance(m, 10)) { // refused, closes nothing
        long r = chance(m, 50) ? syscall(SYS_close_range, 20, 4, 0) : syscall(SYS_close_range, first, last, 0x40);
        if (r != -1 || errno != EINVAL) fail("a bad close_range returned %ld", r);
        return 1;
    }
    if (syscall(SYS_close_range, first, last, 0) != 0) fail("close_range(%u, %u): %s", first, last, strerror(errno));
    for (unsigned fd = first; fd <= last && fd < MAXFD; fd++)
        if (m->tab[fd].kind != K_NONE) m_close(m, (int)fd);
    return 1;
}

int op_cloexec(struct model *m) {
    int fd = pick_fd(m, chance(m, 75) ? PICK_OWN : PICK_ANY);
    if (fd < 0) return 0;
    bool set = chance(m, 50);
    int r = chance(m, 50) ? fcntl(fd, F_SETFD, set ? FD_CLOEXEC : 0) : ioctl(fd, set ? FIOCLEX : FIONCLEX);
    if (r != 0) fail("CLOEXEC of %d: %s", fd, strerror(errno));
    m->tab[fd].cloexec = set;
    return 1;
}

int op_check(struct model *m) {
    self_check(m, "midway");
    return 1;
}
