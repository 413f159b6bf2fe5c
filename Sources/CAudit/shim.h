/* What Swift cannot import by itself: macros with casts, variadic calls, and the
   headers that the kernel's audit interface is spread over. No logic lives here. */
#ifndef SOCKAUDIT_SHIM_H
#define SOCKAUDIT_SHIM_H

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <netinet/in.h>
#include <linux/audit.h>
#include <linux/close_range.h>
#include <linux/filter.h>
#include <linux/kcmp.h>
#include <linux/net.h>
#include <linux/netlink.h>
#include <libaudit.h>
#include <auparse.h>

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

/* auparse stops with an error when errno is stale (before audit 4.1.5). */
static inline int sockaudit_feed(auparse_state_t *au, const char *data, size_t length) {
    errno = 0;
    return auparse_feed(au, data, length);
}

#endif
