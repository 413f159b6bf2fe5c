// racer: threads that open and close sockets in one fd table as fast as they can. A number set free by
// one thread is at once another's, so the records of their calls come in another order than the calls.
#define _GNU_SOURCE
#include <getopt.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "standalone.h"

static const struct {
    int domain, type;
} shapes[NFAM] = {{AF_INET, SOCK_STREAM}, {AF_INET, SOCK_DGRAM}, {AF_UNIX, SOCK_STREAM}};

struct runner {
    pthread_t t;
    pthread_barrier_t *barrier;
    long pairs, first, done[NFAM];
};

static void *run(void *arg) {
    struct runner *r = arg;
    pthread_barrier_wait(r->barrier);
    for (long i = 0; i < r->pairs; i++) {
        int f = (int)((i + r->first) % NFAM);
        int fd = socket(shapes[f].domain, shapes[f].type, 0);
        // Each thread closes what it opened itself, and nobody else does: this cannot fail.
        if (fd < 0 || close(fd) != 0) {
            perror("racer");
            exit(1);
        }
        r->done[f]++;
    }
    return NULL;
}

int main(int argc, char **argv) {
    static const struct option options[] = {{"threads", 1, 0, 't'}, {"pairs", 1, 0, 'n'}, {"keep", 1, 0, 'k'}, {0}};
    long threads = 0, pairs = 0, keep = 0;
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (o == 't') threads = atol(optarg);
        else if (o == 'n') pairs = atol(optarg);
        else if (o == 'k') keep = atol(optarg);
        else threads = -1;
    }
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    if (threads < 1 || threads > 1000 || pairs < 0 || keep < 0) {
        fprintf(stderr, "usage: racer --threads T --pairs N [--keep K]\n");
        return 2;
    }
    struct runner *r = calloc((size_t)threads, sizeof *r);
    int *fds = calloc((size_t)keep + 1, sizeof *fds);
    if (!r || !fds) return 1;
    struct tally t = {0};
    pthread_barrier_t barrier;
    pthread_barrier_init(&barrier, NULL, (unsigned)threads + 1);
    for (long i = 0; i < threads; i++) {
        r[i] = (struct runner){.barrier = &barrier, .pairs = pairs, .first = i};
        if (pthread_create(&r[i].t, NULL, run, &r[i]) != 0) return 1;
    }
    pthread_barrier_wait(&barrier);
    // Those that stay come into the midst of the race, so that their numbers are raced for too.
    for (long i = 0; i < keep; i++) {
        int f = (int)(i % NFAM);
        fds[i] = socket(shapes[f].domain, shapes[f].type, 0);
        if (fds[i] < 0) {
            perror("racer");
            return 1;
        }
        t.socket[f]++;
        t.open[f]++;
    }
    for (long i = 0; i < threads; i++) {
        pthread_join(r[i].t, NULL);
        for (int f = 0; f < NFAM; f++) {
            t.socket[f] += r[i].done[f];
            t.closed[f] += r[i].done[f];
        }
    }
    say_hold(&t, fds, (int)keep);
    wait_stdin_eof();
    return 0;
}
