/* What Swift cannot import by itself: macros with casts, variadic calls, and the
   headers that the kernel's audit interface is spread over. No logic lives here. */
#ifndef SOCKAUDIT_SHIM_H
#define SOCKAUDIT_SHIM_H

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <malloc.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <syslog.h>
#include <sys/xattr.h>
#include <sys/prctl.h>
#include <unistd.h>
#include <netinet/in.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/filter.h>
#include <linux/kcmp.h>
#include <linux/net.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <libaudit.h>
#include <auparse.h>
#include <cap-ng.h>

static inline uint32_t sockaudit_rule_word(int nr) { return AUDIT_WORD(nr); }
static inline uint32_t sockaudit_rule_bit(int nr) { return AUDIT_BIT(nr); }
static inline uint32_t sockaudit_op_equal(void) { return AUDIT_EQUAL; }
static inline uint32_t sockaudit_op_not_equal(void) { return AUDIT_NOT_EQUAL; }
static inline uint32_t sockaudit_op_greater_equal(void) { return AUDIT_GREATER_THAN_OR_EQUAL; }
static inline uint32_t sockaudit_op_less_equal(void) { return AUDIT_LESS_THAN_OR_EQUAL; }
static inline uint32_t sockaudit_op_bits(void) { return AUDIT_BIT_MASK; }
static inline uint32_t sockaudit_operators(void) { return AUDIT_OPERATORS; }
static inline uint32_t sockaudit_clone_files(void) { return CLONE_FILES; }
static inline uint32_t sockaudit_clone_thread(void) { return CLONE_THREAD; }
static inline uint32_t sockaudit_fioclex(void) { return FIOCLEX; }
static inline uint32_t sockaudit_fionclex(void) { return FIONCLEX; }
static inline size_t sockaudit_rule_header(void) { return offsetof(struct audit_rule_data, buf); }
static inline char *sockaudit_rule_text(struct audit_rule_data *rule) { return rule->buf; }
static inline int sockaudit_netlink_align(int n) { return NLMSG_ALIGN(n); }
static inline int sockaudit_netlink_header(void) { return NLMSG_HDRLEN; }
static inline int sockaudit_so_rcvbufforce(void) { return SO_RCVBUFFORCE; }

/* struct mmsghdr and recvmmsg(2) are behind _GNU_SOURCE, which this module cannot set: Swift's
   own C library module is built without the names that it changes. */
struct sockaudit_message {
    struct msghdr header;
    unsigned int length;
};
static inline int sockaudit_receive(int fd, struct sockaudit_message *messages, unsigned int count) {
    return (int)syscall(SYS_recvmmsg, fd, messages, count, MSG_DONTWAIT, (void *)0);
}

/* Whether two processes have one descriptor table (kcmp(2)): 1 or 0, -1 with errno when nobody says. */
static inline int sockaudit_share_files(pid_t a, pid_t b) {
    long order = syscall(SYS_kcmp, a, b, KCMP_FILES, 0, 0);
    return order < 0 ? -1 : order == 0;
}

/* Rows and columns of a terminal; 0 when it does not say. ioctl(2) is variadic. */
static inline int sockaudit_terminal(int fd, int *columns) {
    struct winsize size;
    if (ioctl(fd, TIOCGWINSZ, &size) != 0) return 0;
    *columns = size.ws_col;
    return size.ws_row;
}

/* A descriptor that becomes readable when a process ends (pidfd_open(2)); -1 with errno. */
static inline int sockaudit_pidfd(pid_t pid) { return (int)syscall(SYS_pidfd_open, pid, 0u); }

/* Variadic calls. */
static inline void sockaudit_open_log(void) { openlog("sockaudit", LOG_PID | LOG_NDELAY, LOG_DAEMON); }
static inline void sockaudit_syslog(int priority, const char *text) { syslog(priority, "%s", text); }
static inline int sockaudit_no_new_privileges(void) { return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); }
static inline int sockaudit_name_process(const char *name) { return prctl(PR_SET_NAME, name, 0, 0, 0); }

/* seccomp(2) has no function in the C library. For all threads of the process, which run by one set of rules. */
static inline int sockaudit_install_filter(struct sock_filter *instructions, unsigned short count) {
    struct sock_fprog program = {count, instructions};
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program);
}
/* Whether the kernel, and whatever holds us already, takes such rules: 1 or 0. */
static inline int sockaudit_takes_filters(void) {
    uint32_t action = SECCOMP_RET_ERRNO;
    return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

/* A system call of the 32-bit table out of a 64-bit program: the kernel takes `int $0x80` by the
   i386 numbers. Returns what the kernel did, -errno for failures; SIGSEGV where it takes none. */
static inline int sockaudit_i386_call(int number, uint32_t a, uint32_t b, uint32_t c) {
#ifdef __x86_64__
    long result;
    __asm__ volatile("int $0x80"
                     : "=a"(result)
                     : "a"((long)number), "b"((unsigned long)a), "c"((unsigned long)b), "d"((unsigned long)c)
                     : "memory", "cc", "r8", "r9", "r10", "r11");
    return (int)result;
#else
    (void)number, (void)a, (void)b, (void)c;
    return -ENOSYS;
#endif
}

/* One page below 4 GiB, which is as far as a 32-bit pointer reaches; 0 when there is none. */
static inline uint32_t sockaudit_low_page(void) {
#ifdef __x86_64__
    void *page = mmap((void *)0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    return page == MAP_FAILED ? 0 : (uint32_t)(uintptr_t)page;
#else
    return 0;
#endif
}

static inline int sockaudit_is_x86_64(void) {
#ifdef __x86_64__
    return 1;
#else
    return 0;
#endif
}

/* Whether the kernel takes calls of the x32 table, which no audit rule can name: their numbers have
   a bit beyond the mask of a rule (AUDIT_BITMASK_SIZE). */
static inline int sockaudit_takes_x32(void) {
#ifdef __x86_64__
    return syscall(__X32_SYSCALL_BIT | SYS_getpid) > 0;
#else
    return 0;
#endif
}

/* syscall(2) is variadic, and older C libraries have no close_range(2). */
static inline int sockaudit_close_range(unsigned int first, unsigned int last) {
    return (int)syscall(SYS_close_range, first, last, 0);
}

/* auparse stops with an error when errno is stale (before audit 4.1.5). */
static inline int sockaudit_feed(auparse_state_t *au, const char *data, size_t length) {
    errno = 0;
    return auparse_feed(au, data, length);
}

/* Messages with descriptors beside them, which are all macros (cmsg(3)): as many as a batch of files has (the
   kernel takes 253). */
#define SOCKAUDIT_BATCH 128
union sockaudit_batch_space {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(SOCKAUDIT_BATCH * sizeof(int))];
};
static inline ssize_t sockaudit_send_batch(
    int fd, const void *data, size_t length, const int *passed, size_t count, int flags) {
    union sockaudit_batch_space space = {0};
    struct iovec piece = {(void *)data, length};
    struct msghdr message = {0};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    if (count > 0) {
        message.msg_control = space.bytes;
        message.msg_controllen = CMSG_SPACE(count * sizeof(int));
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(count * sizeof(int));
        __builtin_memcpy(CMSG_DATA(header), passed, count * sizeof(int));
    }
    return sendmsg(fd, &message, flags | MSG_NOSIGNAL);
}
/* Count is for how many passed has room, and how many came. */
static inline ssize_t sockaudit_take_batch(
    int fd, void *data, size_t length, int *passed, size_t *count, int flags) {
    union sockaudit_batch_space space = {0};
    struct iovec piece = {data, length};
    struct msghdr message = {0};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = space.bytes;
    message.msg_controllen = CMSG_SPACE(*count * sizeof(int));
    size_t most = *count * sizeof(int);
    *count = 0;
    ssize_t result = recvmsg(fd, &message, flags | MSG_CMSG_CLOEXEC);
    if (result < 0) return result;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
        size_t bytes = header->cmsg_len - CMSG_LEN(0);
        if (bytes > most) bytes = most;
        __builtin_memcpy(passed, CMSG_DATA(header), bytes);
        *count = bytes / sizeof(int);
    }
    return result;
}

/* Sends one message, and with it a descriptor when passed is not negative. */
static inline ssize_t sockaudit_send(int fd, const void *data, size_t length, int passed, int flags) {
    return sockaudit_send_batch(fd, data, length, &passed, passed >= 0, flags);
}

/* Receives one message; passed is the descriptor that came with it, or -1. */
static inline ssize_t sockaudit_take(int fd, void *data, size_t length, int *passed, int flags) {
    size_t count = 1;
    *passed = -1;
    return sockaudit_take_batch(fd, data, length, passed, &count, flags);
}

/* How many processors this process may use (sched_getaffinity(2), whose macros are no C for Swift); 1 when
   the kernel does not say. */
static inline int sockaudit_processors(void) {
    unsigned long mask[128] = {0};
    long bytes = syscall(SYS_sched_getaffinity, 0, sizeof mask, mask);
    int count = 0;
    for (long word = 0; word * (long)sizeof mask[0] < bytes; word++) count += __builtin_popcountl(mask[word]);
    return count > 0 ? count : 1;
}

/* Large blocks of memory come from the kernel and go back to it. By itself malloc(3) stops that with the first
   one that is freed: they come from between the small ones then, which fill the gap, and of a set of logs each
   file's blocks made the process larger by as much. */
static inline void sockaudit_give_blocks_back(void) { mallopt(M_MMAP_THRESHOLD, 1 << 19); }

#endif
