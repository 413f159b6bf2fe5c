// ringer: sockets that come and go by io_uring, which leaves no audit record. It says what it holds and
// waits for its standard input to be closed. No liburing: a ring of one entry is a few lines.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "standalone.h"

// IORING_OP_SOCKET (Linux 5.19) is newer than the headers of some hosts.
enum { OP_CLOSE = 19, OP_SOCKET = 45 };

struct ring {
    int fd;
    unsigned *sq_tail, *sq_mask, *sq_array, *cq_head, *cq_tail, *cq_mask;
    struct io_uring_sqe *entries;
    struct io_uring_cqe *results;
};

static int make_ring(struct ring *r) {
    struct io_uring_params p = {0};
    r->fd = (int)syscall(SYS_io_uring_setup, 1, &p);
    if (r->fd < 0) return -errno;
    char *sq = mmap(NULL, p.sq_off.array + p.sq_entries * sizeof(unsigned), PROT_READ | PROT_WRITE,
                    MAP_SHARED | MAP_POPULATE, r->fd, IORING_OFF_SQ_RING);
    char *cq = mmap(NULL, p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe), PROT_READ | PROT_WRITE,
                    MAP_SHARED | MAP_POPULATE, r->fd, IORING_OFF_CQ_RING);
    void *sqes = mmap(NULL, p.sq_entries * sizeof(struct io_uring_sqe), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_POPULATE, r->fd, IORING_OFF_SQES);
    if (sq == MAP_FAILED || cq == MAP_FAILED || sqes == MAP_FAILED) return -errno;
    r->sq_tail = (unsigned *)(sq + p.sq_off.tail);
    r->sq_mask = (unsigned *)(sq + p.sq_off.ring_mask);
    r->sq_array = (unsigned *)(sq + p.sq_off.array);
    r->cq_head = (unsigned *)(cq + p.cq_off.head);
    r->cq_tail = (unsigned *)(cq + p.cq_off.tail);
    r->cq_mask = (unsigned *)(cq + p.cq_off.ring_mask);
    r->entries = sqes;
    r->results = (struct io_uring_cqe *)(cq + p.cq_off.cqes);
    return 0;
}

// Has the kernel do one thing, and gives its result.
static int done_by_ring(struct ring *r, const struct io_uring_sqe *what) {
    unsigned tail = *r->sq_tail, slot = tail & *r->sq_mask;
    r->entries[slot] = *what;
    r->sq_array[slot] = slot;
    __atomic_store_n(r->sq_tail, tail + 1, __ATOMIC_RELEASE);
    if (syscall(SYS_io_uring_enter, r->fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0) return -errno;
    unsigned head = *r->cq_head;
    if (head == __atomic_load_n(r->cq_tail, __ATOMIC_ACQUIRE)) return -EAGAIN;
    int result = r->results[head & *r->cq_mask].res;
    __atomic_store_n(r->cq_head, head + 1, __ATOMIC_RELEASE);
    return result;
}

int main(int argc, char **argv) {
    // Holds two sockets of socket(), and one of the ring; or has the ring close one of the two.
    int closes = argc > 1 && strcmp(argv[1], "--close") == 0;
    struct ring ring = {0};
    int made = make_ring(&ring);
    if (made < 0) {
        fprintf(stderr, "ringer: io_uring cannot be used here: %s\n", strerror(-made));
        return 77;
    }
    struct tally t = {0};
    int fds[3], n = 0;
    for (int i = 0; i < 2; i++) {
        if ((fds[n] = socket(AF_INET, i ? SOCK_DGRAM : SOCK_STREAM, 0)) < 0) return 1;
        n++;
        t.socket[i ? F_UDP : F_TCP]++;
        t.open[i ? F_UDP : F_TCP]++;
    }
    struct io_uring_sqe asks = {.opcode = OP_SOCKET, .fd = AF_INET, .off = SOCK_STREAM};
    int socket_by_ring = closes ? -1 : done_by_ring(&ring, &asks);
    if (!closes && socket_by_ring < 0) {
        fprintf(stderr, "ringer: no IORING_OP_SOCKET: %s\n", strerror(-socket_by_ring));
        return 77;
    }
    if (closes) {
        // A table shall see it open first: a byte of input goes on.
        say_hold(&t, fds, n);
        char byte;
        if (read(STDIN_FILENO, &byte, 1) != 1) return 0;
        struct io_uring_sqe shuts = {.opcode = OP_CLOSE, .fd = fds[0]};
        int shut = done_by_ring(&ring, &shuts);
        if (shut != 0) {
            fprintf(stderr, "ringer: no IORING_OP_CLOSE: %s\n", strerror(-shut));
            return 77;
        }
        // Another file takes the number and keeps it: its close() would pass for the socket's own.
        if (open("/dev/null", O_RDONLY) != fds[0]) return 1;
        // No close() told of it, so that it is released.
        t.open[F_TCP]--;
        t.released[F_TCP]++;
        fds[0] = fds[1];
        n = 1;
    }
    say_hold(&t, fds, n);
    wait_stdin_eof();
    return 0;
}
