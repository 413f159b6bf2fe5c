// flood: socket and close as fast as one thread can, and the slowest single call. With an auditor that
// makes callers wait (a full backlog) the slowest call shows it. --pairs 0: until standard input is closed.
// --seconds: for so long, and the calls and the slowest one of each 100 ms by the moment a call came back:
// a stall of half a second leaves empty windows and stands where it ended.
#define _GNU_SOURCE
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define WINDOW_NS 100000000LL

struct window {
    long calls;
    long long worst;
};

static struct window *windows;
static long last_window, current;
static long long begin, last, worst, window_end;

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

// A call came back now.
static void came_back(void) {
    long long t = now_ns(), took = t - last;
    last = t;
    if (took > worst) worst = took;
    if (!windows) return;
    while (t >= window_end && current < last_window) {
        window_end += WINDOW_NS;
        current++;
    }
    windows[current].calls++;
    if (took > windows[current].worst) windows[current].worst = took;
}

static double cpu_seconds(void) {
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

int main(int argc, char **argv) {
    static const struct option options[] = {
        {"pairs", 1, 0, 'n'}, {"kind", 1, 0, 'k'}, {"wait", 0, 0, 'w'}, {"seconds", 1, 0, 's'}, {0}};
    long pairs = -1, made = 0;
    double seconds = 0;
    int domain = AF_INET, type = SOCK_STREAM, wait = 0, wrong = 0;
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (o == 'n') pairs = atol(optarg);
        else if (o == 's') seconds = atof(optarg);
        else if (o == 'w') wait = 1;
        else if (o == 'k' && !strcmp(optarg, "tcp")) domain = AF_INET, type = SOCK_STREAM;
        else if (o == 'k' && !strcmp(optarg, "udp")) domain = AF_INET, type = SOCK_DGRAM;
        else if (o == 'k' && !strcmp(optarg, "unix")) domain = AF_UNIX, type = SOCK_STREAM;
        else wrong = 1;
    }
    if (wrong || seconds < 0 || seconds > 3600 || (seconds > 0) == (pairs >= 0)) {
        fprintf(stderr, "usage: flood --pairs N|0 or --seconds S [--kind tcp|udp|unix] [--wait]\n");
        return 2;
    }
    if (seconds > 0) {
        last_window = (long)(seconds * 10); // what comes back after the time is up stands in this one
        windows = calloc((size_t)last_window + 1, sizeof *windows);
        if (!windows) return 1;
    }
    if (wait) {
        char byte;
        struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
        if (poll(&p, 1, 600000) > 0 && read(STDIN_FILENO, &byte, 1) < 0) return 1;
    }
    begin = last = now_ns();
    window_end = begin + WINDOW_NS;
    long long until = begin + (long long)(seconds * 1e9);
    for (; windows ? last < until : pairs ? made < pairs : made % 256 || !input_is_closed(); made++) {
        int fd = socket(domain, type, 0);
        came_back();
        if (fd < 0 || close(fd) != 0) {
            perror("flood");
            return 1;
        }
        came_back();
    }
    printf("{\"pid\":%d,\"pairs\":%ld,\"seconds\":%.6f,\"worst_ms\":%.3f,\"cpu\":%.3f", (int)getpid(), made,
           (double)(last - begin) / 1e9, (double)worst / 1e6, cpu_seconds());
    for (long i = 0; windows && i <= last_window; i++)
        printf("%s[%ld,%.3f]%s", i ? "," : ",\"windows\":[", windows[i].calls, (double)windows[i].worst / 1e6,
               i < last_window ? "" : "]");
    printf("}\n");
    return 0;
}
