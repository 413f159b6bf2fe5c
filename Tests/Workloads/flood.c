// flood: socket and close as fast as one thread can, and the slowest single call. With an auditor that
// makes callers wait (a full backlog) the slowest call shows it. --pairs 0: until standard input is closed.
#define _GNU_SOURCE
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static long long now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int input_is_closed(void) {
    char byte;
    struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
    return poll(&p, 1, 0) > 0 && read(STDIN_FILENO, &byte, 1) == 0;
}

int main(int argc, char **argv) {
    static const struct option options[] = {{"pairs", 1, 0, 'n'}, {"kind", 1, 0, 'k'}, {"wait", 0, 0, 'w'}, {0}};
    long pairs = -1, made = 0;
    int domain = AF_INET, type = SOCK_STREAM, wait = 0;
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (o == 'n') pairs = atol(optarg);
        else if (o == 'w') wait = 1;
        else if (o == 'k' && !strcmp(optarg, "tcp")) domain = AF_INET, type = SOCK_STREAM;
        else if (o == 'k' && !strcmp(optarg, "udp")) domain = AF_INET, type = SOCK_DGRAM;
        else if (o == 'k' && !strcmp(optarg, "unix")) domain = AF_UNIX, type = SOCK_STREAM;
        else {
            pairs = -1;
            break;
        }
    }
    if (pairs < 0) {
        fprintf(stderr, "usage: flood --pairs N|0 [--kind tcp|udp|unix] [--wait]\n");
        return 2;
    }
    if (wait) {
        char byte;
        struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
        if (poll(&p, 1, 600000) > 0 && read(STDIN_FILENO, &byte, 1) < 0) return 1;
    }
    long long begin = now_ns(), last = begin, worst = 0, t;
    for (; pairs ? made < pairs : made % 256 || !input_is_closed(); made++) {
        int fd = socket(domain, type, 0);
        t = now_ns();
        if (t - last > worst) worst = t - last;
        last = t;
        if (fd < 0 || close(fd) != 0) {
            perror("flood");
            return 1;
        }
        t = now_ns();
        if (t - last > worst) worst = t - last;
        last = t;
    }
    printf("{\"pid\":%d,\"pairs\":%ld,\"seconds\":%.6f,\"worst_ms\":%.3f}\n", (int)getpid(), made,
           (double)(last - begin) / 1e9, (double)worst / 1e6);
    return 0;
}
