#define _GNU_SOURCE
#include "book.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "../../Workloads/i386.h"

struct book book;
enum entry entry = X86_64;
extern char **environ;

enum { I386_exit_group = 252, I386_socketpair = 360, I386_accept4 = 364, SOCKETCALL_ACCEPT = 5 };

void check(bool good, const char *what) {
    if (good) return;
    fprintf(stderr, "story: %s: %s\n", what, strerror(errno));
    _exit(1);
}

static int result(int kernel) {
    if (kernel >= 0) return kernel;
    errno = -kernel;
    return -1;
}

void came(int fd, enum origin origin, enum family family, bool cloexec) {
    check(fd >= 0 && fd < NUMBERS, "a descriptor number");
    check(!book.fd[fd].held, "a descriptor that is free in the book");
    book.fd[fd].held = true;
    book.fd[fd].origin = origin;
    book.fd[fd].family = family;
    book.fd[fd].cloexec = cloexec;
    if (origin == OWN) book.opened[family]++;
    book.came[origin]++;
}

void goes(int fd, bool closed) {
    if (!book.fd[fd].held) return;
    book.fd[fd].held = false;
    book.went[book.fd[fd].origin]++;
    if (book.fd[fd].origin != OWN) return;
    (closed ? book.closed : book.released)[book.fd[fd].family]++;
}

static enum family family_of(int domain, int type, int protocol) {
    if (domain != AF_INET && domain != AF_INET6) return OTHER;
    int shape = type & 0xf;
    if (shape == SOCK_STREAM && (protocol == 0 || protocol == IPPROTO_TCP)) return TCP;
    if (shape == SOCK_DGRAM && (protocol == 0 || protocol == IPPROTO_UDP)) return UDP;
    return OTHER;
}

int open_socket(int domain, int type, int protocol) {
    int fd;
    switch (entry) {
    case X86_64: fd = (int)syscall(SYS_socket, domain, type, protocol); break;
    case I386: fd = result(i386_socket(domain, type, protocol)); break;
    default: fd = result(i386_socketcall(SOCKETCALL_SOCKET, domain, type, protocol, NULL));
    }
    if (fd >= 0) came(fd, OWN, family_of(domain, type, protocol), type & SOCK_CLOEXEC);
    return fd;
}

int open_listener(int type) {
    int fd = open_socket(AF_INET, type, 0);
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    check(fd >= 0 && !bind(fd, (void *)&here, sizeof here) && !listen(fd, 8), "listen");
    return fd;
}

int connect_to(int listener, int type) {
    struct sockaddr_in there;
    socklen_t size = sizeof there;
    int fd = open_socket(AF_INET, type, 0);
    check(fd >= 0 && !getsockname(listener, (void *)&there, &size), "getsockname");
    check(!connect(fd, (void *)&there, size), "connect");
    return fd;
}

int accept_one(int listener, bool cloexec) {
    int flags = cloexec ? SOCK_CLOEXEC : 0, fd;
    switch (entry) {
    case X86_64: fd = (int)syscall(SYS_accept4, listener, NULL, NULL, flags); break;
    case I386: {
        // Four arguments: the fourth stands in esi, which i386_call does not set.
        long ret;
        __asm__ volatile("int $0x80"
                         : "=a"(ret)
                         : "a"((long)I386_accept4), "b"((long)listener), "c"(0L), "d"(0L), "S"((long)flags)
                         : "memory", "cc", "r8", "r9", "r10", "r11");
        fd = result((int)ret);
        break;
    }
    default: fd = result(i386_socketcall(SOCKETCALL_ACCEPT, listener, 0, 0, NULL));
    }
    if (fd >= 0) came(fd, ACCEPT, book.fd[listener].family, entry != I386_SOCKETCALL && cloexec);
    return fd;
}

void open_pair(int fds[2], bool cloexec) {
    int type = SOCK_STREAM | (cloexec ? SOCK_CLOEXEC : 0), ret;
    if (entry == X86_64) ret = (int)syscall(SYS_socketpair, AF_UNIX, type, 0, fds);
    else ret = result(i386_socketcall(SOCKETCALL_SOCKETPAIR, AF_UNIX, type, 0, fds));
    check(ret == 0, "socketpair");
    for (int i = 0; i < 2; i++) came(fds[i], PAIR, OTHER, cloexec);
}

int copy_fd(int fd, bool cloexec) {
    int copy = fcntl(fd, cloexec ? F_DUPFD_CLOEXEC : F_DUPFD, 0);
    check(copy >= 0, "F_DUPFD");
    if (book.fd[fd].held) came(copy, COPY, book.fd[fd].family, cloexec);
    return copy;
}

static void copied_over(int from, int to, bool cloexec) {
    goes(to, false);
    if (book.fd[from].held) came(to, COPY, book.fd[from].family, cloexec);
}

void copy_over(int from, int to) {
    int ret = entry == X86_64 ? (int)syscall(SYS_dup2, from, to)
                              : result(i386_call(I386_dup2, (uint32_t)from, (uint32_t)to, 0));
    check(ret == to, "dup2");
    if (from != to) copied_over(from, to, false);
}

void copy_over_cloexec(int from, int to) {
    check(syscall(SYS_dup3, from, to, O_CLOEXEC) == to, "dup3");
    copied_over(from, to, true);
}

void mark_fcntl(int fd, bool cloexec) {
    check(!fcntl(fd, F_SETFD, cloexec ? FD_CLOEXEC : 0), "F_SETFD");
    book.fd[fd].cloexec = cloexec;
}

void mark_ioctl(int fd, bool cloexec) {
    check(!ioctl(fd, cloexec ? FIOCLEX : FIONCLEX), "FIOCLEX");
    book.fd[fd].cloexec = cloexec;
}

void close_fd(int fd) {
    int ret = entry == X86_64 ? (int)syscall(SYS_close, fd) : result(i386_close(fd));
    if (ret == 0 || errno != EBADF) goes(fd, true);
}

void close_fds(unsigned first, unsigned last, unsigned flags) {
    check(!syscall(SYS_close_range, first, last, flags), "close_range");
    for (unsigned fd = first; fd <= last && fd < NUMBERS; fd++) {
        if (flags & CLOSE_RANGE_CLOEXEC) book.fd[fd].cloexec = true;
        else goes((int)fd, true);
    }
}

void inherit(void) {
    struct book mine = {0};
    for (int fd = 0; fd < NUMBERS; fd++) {
        if (!book.fd[fd].held) continue;
        mine.fd[fd] = book.fd[fd];
        mine.fd[fd].origin = INHERITED;
        mine.came[INHERITED]++;
    }
    book = mine;
}

void execute(const char *file, const char *story) {
    static char carried[2 * sizeof book + 16] = "BOOK=";
    // The mark goes with the descriptor, not with the book of the program that fails to start.
    for (int fd = 0; fd < NUMBERS; fd++)
        if (book.fd[fd].cloexec) goes(fd, false);
    const unsigned char *raw = (const void *)&book;
    for (size_t i = 0; i < sizeof book; i++) sprintf(carried + 5 + 2 * i, "%02x", raw[i]);
    char *arguments[] = {(char *)file, (char *)story, NULL}, *environment[] = {carried, NULL};
    syscall(SYS_execve, file, arguments, environment);
    check(false, file);
}

void resume(void) {
    const char *carried = getenv("BOOK");
    if (!carried) return;
    check(strlen(carried) == 2 * sizeof book, "the book of the program before");
    for (size_t i = 0; i < sizeof book; i++) {
        unsigned byte;
        sscanf(carried + 2 * i, "%2x", &byte);
        ((unsigned char *)&book)[i] = (unsigned char)byte;
    }
}

// The kernel has the last word: a book that differs from the descriptors is no truth.
static void verify(void) {
    for (int fd = 0; fd < NUMBERS; fd++) {
        struct stat found;
        bool socket = !fstat(fd, &found) && S_ISSOCK(found.st_mode);
        errno = 0;
        check(socket == book.fd[fd].held, "the book differs from the descriptors");
    }
}

static int counts(char *at, const char *name, const long v[FAMILIES]) {
    return sprintf(at, ",\"%s\":{\"total\":%ld,\"tcp\":%ld,\"udp\":%ld,\"other\":%ld}", name,
                   v[TCP] + v[UDP] + v[OTHER], v[TCP], v[UDP], v[OTHER]);
}

void tell(const char *state) {
    static const char *const origins[ORIGINS] = {[ACCEPT] = "accept", [PAIR] = "socketpair",
                                                 [COPY] = "dup", [INHERITED] = "inherited"};
    char line[2048], *p = line, comm[17] = "";
    if (!strcmp(state, "running")) verify();
    prctl(PR_GET_NAME, comm);
    p += sprintf(p, "{\"pid\":%d,\"comm\":\"", (int)getpid());
    for (char *c = comm; *c; c++) p += sprintf(p, "%02x", (unsigned char)*c);
    p += sprintf(p, "\",\"state\":\"%s\"", state);
    long open[FAMILIES];
    for (int f = 0; f < FAMILIES; f++) open[f] = book.opened[f] - book.closed[f] - book.released[f];
    p += counts(p, "socket_tot", book.opened);
    p += counts(p, "close_tot", book.closed);
    p += counts(p, "released", book.released);
    p += counts(p, "still_open", open);
    p += sprintf(p, ",\"others\":{");
    for (int o = ACCEPT; o < ORIGINS; o++)
        p += sprintf(p, "%s\"%s\":{\"opened\":%ld,\"closed\":%ld,\"open\":%ld}", o > ACCEPT ? "," : "",
                     origins[o], book.came[o], book.went[o], book.came[o] - book.went[o]);
    p += sprintf(p, "}}\n");
    check(write(STDOUT_FILENO, line, (size_t)(p - line)) == p - line, "write");
}

static void let_go(void) {
    verify();
    for (int fd = 0; fd < NUMBERS; fd++) goes(fd, false);
}

void tell_killed(void) {
    let_go();
    tell("killed");
}

void leave(void) {
    let_go();
    tell("exited");
    if (entry != X86_64) i386_call(I386_exit_group, 0, 0, 0);
    syscall(SYS_exit_group, 0);
    __builtin_unreachable();
}

void hold(void) {
    char byte;
    while (read(STDIN_FILENO, &byte, 1) > 0) continue;
}

void name_thread(const char *name) { check(!prctl(PR_SET_NAME, name), "PR_SET_NAME"); }
