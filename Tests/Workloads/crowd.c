// crowd: many processes that each hold a few sockets and do nothing: what a table must reconcile when
// nothing happens. All end with it; it ends when its standard input is closed. --pace: between two of them.
#define _GNU_SOURCE
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

// tcp, udp, unix in turn.
static int open_one(long i) {
    switch (i % 3) {
    case 0: return socket(AF_INET, SOCK_STREAM, 0);
    case 1: return socket(AF_INET, SOCK_DGRAM, 0);
    default: return socket(AF_UNIX, SOCK_STREAM, 0);
    }
}

static _Noreturn void hold(long sockets, int ready, pid_t parent) {
    // Killed, not told: an end of its own would be 10,000 more records.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    char said = 'y';
    for (long i = 0; i < sockets; i++)
        if (open_one(i) < 0) said = 'n';
    if (write(ready, &said, 1) != 1) _exit(1);
    for (;;) pause();
}

int main(int argc, char **argv) {
    static const struct option options[] = {{"processes", 1, 0, 'p'}, {"sockets", 1, 0, 's'},
                                            {"pace", 1, 0, 'm'}, {0}};
    long processes = 10000, sockets = 10, pace = 0;
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (o == 'p') processes = atol(optarg);
        else if (o == 's') sockets = atol(optarg);
        else if (o == 'm') pace = atol(optarg);
        else processes = 0;
    }
    if (processes < 1 || sockets < 0 || pace < 0) {
        fprintf(stderr, "usage: crowd [--processes P] [--sockets S] [--pace MICROSECONDS]\n");
        return 2;
    }
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    // Nobody waits for those that end first.
    signal(SIGCHLD, SIG_IGN);
    int ready[2];
    if (pipe(ready) != 0) {
        perror("crowd: pipe");
        return 1;
    }
    pid_t self = getpid();
    for (long i = 0; i < processes; i++) {
        pid_t child = fork();
        if (child == 0) hold(sockets, ready[1], self);
        if (child < 0) {
            fprintf(stderr, "crowd: %ld of %ld processes: ", i, processes);
            perror("fork");
            return 1;
        }
        if (pace) usleep((useconds_t)pace);
    }
    for (long i = 0; i < processes; i++) {
        char said;
        if (read(ready[0], &said, 1) != 1 || said != 'y') {
            fprintf(stderr, "crowd: a process could not open its %ld sockets\n", sockets);
            return 1;
        }
    }
    printf("holding %ld %ld\n", processes, sockets);
    fflush(stdout);
    for (char byte; read(STDIN_FILENO, &byte, 1) > 0;) continue;
    return 0;
}
