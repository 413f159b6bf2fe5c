#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "chaos.h"
#include "i386.h"

#ifndef CLOSE_RANGE_UNSHARE
#define CLOSE_RANGE_UNSHARE 2
#endif
#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC 4
#endif

// Prefer sockets of our own: a dup of one is the case that miscounts.
static int pick_mostly_own(struct model *m) { return pick_fd(m, chance(m, 70) ? PICK_OWN : PICK_ANY); }

int op_dup(struct model *m) {
    int fd = pick_mostly_own(m);
    if (fd < 0 || m->nopen >= MAXOPEN) return 0;
    m_open(m, dup(fd), m->tab[fd].kind, false);
    return 1;
}

int op_dupfd(struct model *m) {
    int fd = pick_mostly_own(m);
    if (fd < 0 || m->nopen >= MAXOPEN) return 0;
    bool cloexec = chance(m, 50);
    int got = fcntl(fd, cloexec ? F_DUPFD_CLOEXEC : F_DUPFD, rnd(m, chance(m, 70) ? 50 : 600));
    m_open(m, got, m->tab[fd].kind, cloexec);
    return 1;
}

// The listener and the client are socket()'s, the accepted end is not.
int op_accept(struct model *m) {
    if (m->nopen >= MAXOPEN) return 0;
    bool tcp = chance(m, 40), cloexec = chance(m, 35);
    int domain = tcp ? AF_INET : AF_UNIX, fam = tcp ? F_TCP : F_OTHER;
    union {
        struct sockaddr sa;
        struct sockaddr_in in;
        struct sockaddr_storage ss;
    } a = {.in = {.sin_addr.s_addr = htonl(INADDR_LOOPBACK)}};
    a.sa.sa_family = (sa_family_t)domain;
    // For AF_UNIX the bare family asks the kernel for an abstract name of its choice.
    socklen_t len = tcp ? sizeof a.in : sizeof(sa_family_t);

    int l = socket(domain, SOCK_STREAM, 0);
    m_socket(m, l, fam, false);
    if (bind(l, &a.sa, len) != 0 || listen(l, 4) != 0) fail("listen: %s", strerror(errno));
    len = sizeof a;
    if (getsockname(l, &a.sa, &len) != 0) fail("getsockname: %s", strerror(errno));
    int c = socket(domain, SOCK_STREAM | SOCK_CLOEXEC, 0);
    m_socket(m, c, fam, true);
    if (connect(c, &a.sa, len) != 0) {
        fail("connect: %s", strerror(errno));
        return 1; // accept would wait for ever
    }
    if (chance(m, 50)) m_open(m, accept4(l, NULL, NULL, cloexec ? SOCK_CLOEXEC : 0), K_SOCK, cloexec);
    else m_open(m, accept(l, NULL, NULL), K_SOCK, false);
    return 1;
}

int op_socketpair(struct model *m) {
    if (m->nopen >= MAXOPEN) return 0;
    bool cloexec = chance(m, 35);
    int sv[2] = {-1, -1}, type = chance(m, 50) ? SOCK_STREAM : SOCK_DGRAM;
    if (socketpair(AF_UNIX, type | (cloexec ? SOCK_CLOEXEC : 0), 0, sv) != 0) fail("socketpair: %s", strerror(errno));
    m_open(m, sv[0], K_SOCK, cloexec);
    m_open(m, sv[1], K_SOCK, cloexec);
    return 1;
}

// Closes nothing, but what is in the range goes at the next exec.
int op_range_cloexec(struct model *m) {
    unsigned first, last;
    range_pick(m, &first, &last);
    if (syscall(SYS_close_range, first, last, CLOSE_RANGE_CLOEXEC) != 0)
        fail("close_range CLOEXEC (%u, %u): %s", first, last, strerror(errno));
    for (unsigned fd = first; fd <= last && fd < MAXFD; fd++)
        if (m->tab[fd].kind != K_NONE) m->tab[fd].cloexec = true;
    return 1;
}

// Where the table is shared with the parent, the call works on a copy and the parent keeps its own.
int op_range_unshare(struct model *m) {
    unsigned first, last;
    bool cloexec = chance(m, 30);
    range_pick(m, &first, &last);
    share_leave(m);
    if (syscall(SYS_close_range, first, last, CLOSE_RANGE_UNSHARE | (cloexec ? CLOSE_RANGE_CLOEXEC : 0)) != 0)
        fail("close_range UNSHARE (%u, %u): %s", first, last, strerror(errno));
    for (unsigned fd = first; fd <= last && fd < MAXFD; fd++) {
        if (m->tab[fd].kind == K_NONE) continue;
        if (cloexec) m->tab[fd].cloexec = true;
        else m_close(m, (int)fd);
    }
    return 1;
}

int op_unshare(struct model *m) {
    share_leave(m);
    if (unshare(CLONE_FILES) != 0) fail("unshare: %s", strerror(errno));
    return 1;
}

// The received fd is another one of the same socket, and came by no socket() call.
int op_scm(struct model *m) {
    int from[3], n = 0, sv[2];
    if (m->nopen >= MAXOPEN) return 0;
    for (int want = 1 + rnd(m, 3); n < want; n++)
        if ((from[n] = pick_mostly_own(m)) < 0) break;
    if (n == 0) return 0;
    if (socketpair(AF_UNIX, chance(m, 50) ? SOCK_STREAM : SOCK_DGRAM, 0, sv) != 0) {
        fail("socketpair: %s", strerror(errno));
        return 1;
    }
    m_open(m, sv[0], K_SOCK, false);
    m_open(m, sv[1], K_SOCK, false);

    char byte = 0;
    struct iovec iov = {&byte, 1};
    union {
        struct cmsghdr h;
        char space[CMSG_SPACE(sizeof from)];
    } c = {0};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = CMSG_SPACE((size_t)n * sizeof(int))};
    c.h.cmsg_level = SOL_SOCKET;
    c.h.cmsg_type = SCM_RIGHTS;
    c.h.cmsg_len = CMSG_LEN((size_t)n * sizeof(int));
    memcpy(CMSG_DATA(&c.h), from, (size_t)n * sizeof(int));
    if (sendmsg(sv[0], &msg, 0) != 1) {
        fail("sendmsg: %s", strerror(errno));
        return 1;
    }
    if (chance(m, 80)) { // else the fds are lost on their way, which touches the originals in no way
        bool cloexec = chance(m, 50);
        int got[3];
        msg.msg_controllen = sizeof c;
        if (recvmsg(sv[1], &msg, cloexec ? MSG_CMSG_CLOEXEC : 0) != 1 || c.h.cmsg_len != CMSG_LEN((size_t)n * sizeof(int)))
            fail("recvmsg: %s", strerror(errno));
        memcpy(got, CMSG_DATA(&c.h), sizeof got);
        for (int i = 0; i < n; i++) m_open(m, got[i], m->tab[from[i]].kind, cloexec);
    }
    for (int i = 0; i < 2; i++) {
        if (chance(m, 25)) continue;
        close(sv[i]);
        m_close(m, sv[i]);
    }
    return 1;
}

// pidfd_getfd on ourselves: one more way to a second fd of a socket.
int op_pidfd(struct model *m) {
    int fd = pick_mostly_own(m);
    if (fd < 0 || m->nopen >= MAXOPEN) return 0;
    int pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
    if (pidfd < 0) return 0;
    m_open(m, pidfd, K_ANY, true);
    int got = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
    if (got >= 0) m_open(m, got, m->tab[fd].kind, true);
    if (chance(m, 80)) {
        close(pidfd);
        m_close(m, pidfd);
    }
    return 1;
}

// The kernel takes these arguments as 32-bit, whatever stands in the upper half of the registers.
int op_hibits(struct model *m) {
    long hi = (long)((rnd64(m) & 0x7fffffff) << 32);
    int fd = pick_fd(m, PICK_OWN);
    switch (rnd(m, 4)) {
    case 0:
        if (fd < 0) return 0;
        if (syscall(SYS_close, hi | fd) != 0) fail("close(%#lx): %s", hi | fd, strerror(errno));
        m_close(m, fd);
        return 1;
    case 1: {
        int from = pick_fd(m, PICK_OTHER);
        if (fd < 0 || from < 0) return 0;
        if (syscall(SYS_dup2, hi | from, hi | fd) != fd) fail("dup2(%#lx, %#lx): %s", hi | from, hi | fd, strerror(errno));
        m_over(m, fd, m->tab[from].kind, false);
        return 1;
    }
    default: {
        if (m->nopen >= MAXOPEN) return 0;
        int fam = rnd(m, NFAM), domain = fam == F_OTHER ? AF_UNIX : AF_INET;
        int type = fam == F_UDP ? SOCK_DGRAM : SOCK_STREAM;
        fd = (int)syscall(SYS_socket, hi | domain, hi | type, hi);
        m_socket(m, fd, (enum fam)fam, false);
        return 1;
    }
    }
}

int op_i386_socket(struct model *m) {
    static const struct {
        int domain, type, protocol;
        enum fam fam;
    } shapes[] = {
        {AF_INET, SOCK_STREAM, 0, F_TCP},    {AF_INET6, SOCK_STREAM, IPPROTO_TCP, F_TCP},
        {AF_INET, SOCK_DGRAM, 0, F_UDP},     {AF_INET6, SOCK_DGRAM, IPPROTO_UDP, F_UDP},
        {AF_UNIX, SOCK_STREAM, 0, F_OTHER},  {AF_NETLINK, SOCK_DGRAM, 0, F_OTHER},
        {AF_INET, SOCK_RAW, 255, F_OTHER},   {4000, SOCK_STREAM, 0, F_OTHER},
    };
    if (m->nopen >= MAXOPEN) return 0;
    int i = rnd(m, sizeof shapes / sizeof *shapes);
    bool cloexec;
    int type = shapes[i].type | sock_flags(m, &cloexec);
    int fd = chance(m, 50) ? i386_socket(shapes[i].domain, type, shapes[i].protocol)
                           : i386_socketcall(SOCKETCALL_SOCKET, shapes[i].domain, type, shapes[i].protocol, NULL);
    if (fd == -ENOSYS) return 0; // no 32-bit emulation in this kernel
    if (fd >= 0) m_socket(m, fd, shapes[i].fam, cloexec);
    else if (shapes[i].domain == AF_UNIX) fail("i386 socket: %s", strerror(-fd));
    return 1;
}

int op_i386_close(struct model *m) {
    if (chance(m, 15)) { // closes nothing
        int r = i386_close(-1);
        if (r != -EBADF && r != -ENOSYS) fail("i386 close(-1) = %d", r);
        return 1;
    }
    int fd = pick_mostly_own(m);
    if (fd < 0) return 0;
    int r = i386_close(fd);
    if (r == -ENOSYS) return 0;
    if (r != 0) fail("i386 close(%d): %s", fd, strerror(-r));
    m_close(m, fd);
    return 1;
}

// i386 dup2 (63 is uname to a 64-bit caller) and socketcalls that are no socket().
int op_i386_other(struct model *m) {
    int from = pick_fd(m, PICK_ANY), to = pick_fd(m, PICK_OWN), sv[2], r;
    switch (rnd(m, 3)) {
    case 0:
        if (from < 0 || to < 0 || from == to) return 0;
        r = i386_call(I386_dup2, (uint32_t)from, (uint32_t)to, 0);
        if (r == -ENOSYS) return 0;
        if (r != to) fail("i386 dup2(%d, %d) = %d", from, to, r);
        m_over(m, to, m->tab[from].kind, false);
        return 1;
    case 1:
        if (m->nopen >= MAXOPEN) return 0;
        r = i386_socketcall(SOCKETCALL_SOCKETPAIR, AF_UNIX, SOCK_STREAM, 0, sv);
        if (r == -ENOSYS) return 0;
        if (r != 0) fail("i386 socketpair = %d", r);
        m_open(m, sv[0], K_SOCK, false);
        m_open(m, sv[1], K_SOCK, false);
        return 1;
    default: // a pointer to nowhere, and a call that does not exist
        r = chance(m, 50) ? i386_call(I386_socketcall, SOCKETCALL_SOCKET, 16, 0) : i386_socketcall(99, AF_INET, 1, 0, NULL);
        if (r >= 0) fail("a bad socketcall returned %d", r);
        return 1;
    }
}
