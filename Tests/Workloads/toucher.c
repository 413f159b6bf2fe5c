// toucher: opens a watched file for writing, writes and closes it, --times over --seconds, evenly. The mode
// argument of its n-th openat is n: without O_CREAT the kernel ignores it, and audit writes it down as a3,
// so each of the events can be told from the others in a log. It executes nothing and uses no sockets.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static long long now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

int main(int argc, char **argv) {
    static const struct option options[] = {
        {"file", 1, 0, 'f'}, {"times", 1, 0, 'n'}, {"seconds", 1, 0, 's'}, {"wait", 0, 0, 'w'}, {0}};
    const char *file = NULL;
    long times = 50;
    double seconds = 1;
    int wait = 0;
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (o == 'f') file = optarg;
        else if (o == 'n') times = atol(optarg);
        else if (o == 's') seconds = atof(optarg);
        else if (o == 'w') wait = 1;
        else times = 0;
    }
    if (!file || times < 1 || times > 100000 || seconds < 0 || seconds > 3600) {
        fprintf(stderr, "usage: toucher --file FILE [--times N] [--seconds S] [--wait]\n");
        return 2;
    }
    char byte;
    if (wait && read(STDIN_FILENO, &byte, 1) < 0) return 1;
    long long begin = now_ns(), worst = 0;
    for (long n = 1; n <= times; n++) {
        // In the middle of its share of the time, so that the first and the last are within the run too.
        long long at = begin + (long long)(seconds * 1e9 * ((double)n - 0.5) / (double)times);
        struct timespec t = {.tv_sec = at / 1000000000LL, .tv_nsec = at % 1000000000LL};
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR) {}
        long long began = now_ns();
        int fd = (int)syscall(SYS_openat, AT_FDCWD, file, O_WRONLY, n);
        long long took = now_ns() - began;
        if (took > worst) worst = took;
        if (fd < 0 || write(fd, "x", 1) != 1 || close(fd) != 0) {
            perror("toucher");
            return 1;
        }
    }
    printf("{\"pid\":%d,\"touches\":%ld,\"worst_ms\":%.3f}\n", (int)getpid(), times, (double)worst / 1e6);
    return 0;
}
