// witness: the quiet process beside a flood. Opens a socket every --pace milliseconds (tcp, udp, unix in
// turn) and closes the one before it, but keeps every fourth; says what is held and holds until its
// standard input is closed. Its figures must stay exact whatever others do.
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

#include "standalone.h"

static const struct {
    int domain, type;
} shapes[NFAM] = {{AF_INET, SOCK_STREAM}, {AF_INET, SOCK_DGRAM}, {AF_UNIX, SOCK_STREAM}};

static double worst_ms;

static double now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void came_back(double began) {
    double took = now_ms() - began;
    if (took > worst_ms) worst_ms = took;
}

int main(int argc, char **argv) {
    static const struct option options[] = {{"sockets", 1, 0, 's'}, {"pace", 1, 0, 'p'}, {"wait", 0, 0, 'w'}, {0}};
    long sockets = -1, pace = 50;
    int wait = 0;
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (o == 's') sockets = atol(optarg);
        else if (o == 'p') pace = atol(optarg);
        else if (o == 'w') wait = 1;
        else pace = -1;
    }
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    if (sockets < 0 || sockets > 100000 || pace < 0) {
        fprintf(stderr, "usage: witness --sockets N [--pace MILLISECONDS] [--wait]\n");
        return 2;
    }
    int *kept = calloc((size_t)sockets + 1, sizeof *kept), nkept = 0, before = -1, before_family = 0;
    if (!kept) return 1;
    char byte;
    if (wait && read(STDIN_FILENO, &byte, 1) < 0) return 1;
    struct tally t = {0};
    struct timespec next;
    clock_gettime(CLOCK_MONOTONIC, &next);
    for (long i = 0; i < sockets; i++) {
        int family = (int)(i % NFAM);
        double began = now_ms();
        int fd = socket(shapes[family].domain, shapes[family].type, 0);
        came_back(began);
        if (fd < 0) {
            perror("witness: socket");
            return 1;
        }
        t.socket[family]++;
        t.open[family]++;
        if (before >= 0) {
            began = now_ms();
            if (close(before) != 0) {
                perror("witness: close");
                return 1;
            }
            came_back(began);
            t.closed[before_family]++;
            t.open[before_family]--;
            before = -1;
        }
        if (i % 4 == 3) kept[nkept++] = fd;
        else before = fd, before_family = family;
        // An absolute schedule: a stall is made up for, and does not make the run longer.
        next.tv_nsec += pace * 1000000;
        next.tv_sec += next.tv_nsec / 1000000000;
        next.tv_nsec %= 1000000000;
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL) == EINTR) {}
    }
    if (before >= 0) kept[nkept++] = before;
    char worst[64];
    snprintf(worst, sizeof worst, ",\"worst_ms\":%.3f", worst_ms);
    char comm[17];
    truth_comm(comm);
    truth_line(STDOUT_FILENO, "hold", truth_starttime(), comm, &t, kept, nkept, fds_open() - nkept, worst);
    wait_stdin_eof();
    return 0;
}
