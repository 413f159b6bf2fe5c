#define _GNU_SOURCE
#include "threads.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "book.h"

enum { ROUNDS = 5 };
static pthread_barrier_t begin, done;
static int target;

static void *closer(void *unused) {
    for (int round = 0; round < ROUNDS; round++) {
        pthread_barrier_wait(&begin);
        syscall(SYS_close, target);
        pthread_barrier_wait(&done);
    }
    return unused;
}

// One thread closes the only socket while the other opens the next: mostly under the same number, and
// sometimes the record of socket() is written before that of the close() which made the number free.
void out_of_order(const char *spin) {
    int turns = spin ? atoi(spin) : 0;
    pthread_t thread;
    pthread_barrier_init(&begin, NULL, 2);
    pthread_barrier_init(&done, NULL, 2);
    target = open_socket(AF_INET, SOCK_STREAM, 0);
    check(target >= 0 && !pthread_create(&thread, NULL, closer, NULL), "pthread_create");
    for (int round = 0; round < ROUNDS; round++) {
        pthread_barrier_wait(&begin);
        for (volatile int i = 0; i < turns; i++) continue;
        int next = (int)syscall(SYS_socket, AF_INET, SOCK_STREAM, 0);
        pthread_barrier_wait(&done);
        goes(target, true);
        came(next, OWN, TCP, false);
        target = next;
    }
    // It would end by a call of its own (exit), and a record without a story.
    tell("running");
    hold();
}

static void *lingering(void *unused) {
    syscall(SYS_close, target);
    return unused;
}

// A close that takes a second (unsent data, SO_LINGER) frees its number at once: all that the number
// sees in that second is written before the close.
void late_close(void) {
    int listener = open_listener(SOCK_STREAM), client = connect_to(listener, SOCK_STREAM);
    int accepted = accept_one(listener, false);
    struct linger second = {.l_onoff = 1, .l_linger = 1};
    check(!setsockopt(client, SOL_SOCKET, SO_LINGER, &second, sizeof second), "SO_LINGER");
    static char block[65536];
    while (send(client, block, sizeof block, MSG_DONTWAIT) > 0) continue;
    check(errno == EAGAIN, "send");
    pthread_t thread;
    target = client;
    check(!pthread_create(&thread, NULL, lingering, NULL), "pthread_create");
    while (fcntl(client, F_GETFD) >= 0) usleep(1000);
    goes(client, true);
    int other = open_socket(AF_UNIX, SOCK_STREAM, 0);
    check(other == client, "the number of the socket that is being closed");
    close_fd(other);
    check(open_socket(AF_INET, SOCK_DGRAM, 0) == client, "the number once more");
    pthread_join(thread, NULL);
    close_fd(accepted);
    tell("running");
    hold();
}

static void *worker(void *number) {
    name_thread(number);
    if (target < 0) target = open_socket(AF_INET, SOCK_DGRAM, 0);
    else close_fd(target);
    return NULL;
}

// Threads are no processes of their own: what they open and close is the process's.
void threads(void) {
    open_socket(AF_INET, SOCK_STREAM, 0);
    for (int round = 0; round < 3; round++) {
        target = -1;
        for (int part = 0; part < 2 - round / 2; part++) {
            pthread_t thread;
            check(!pthread_create(&thread, NULL, worker, part ? "closer" : "opener"), "pthread_create");
            pthread_join(thread, NULL);
        }
    }
    tell("running");
    hold();
}
