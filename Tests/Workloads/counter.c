// counter: a known number of sockets, a known share of them closed, then waits. All figures can be
// told beforehand: of each kind the first N * PERMILLE / 1000 (rounded down) are closed.
#define _GNU_SOURCE
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static void open_and_close(int domain, int type, long n, long permille) {
    long closed = n * permille / 1000;
    int *fds = calloc((size_t)n + 1, sizeof *fds);
    if (!fds) abort();
    for (long i = 0; i < n; i++) {
        fds[i] = socket(domain, type, 0);
        if (fds[i] < 0) {
            perror("socket");
            exit(1);
        }
    }
    for (long i = 0; i < closed; i++) close(fds[i]);
    free(fds);
}

int main(int argc, char **argv) {
    static const struct option options[] = {
        {"tcp", 1, 0, 't'},   {"udp", 1, 0, 'u'},  {"unix", 1, 0, 'x'}, {"close", 1, 0, 'c'},
        {"hold", 1, 0, 'h'}, {"name", 1, 0, 'n'}, {0},
    };
    long tcp = 0, udp = 0, local = 0, permille = 0;
    double hold = 10;
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (o) {
        case 't': tcp = atol(optarg); break;
        case 'u': udp = atol(optarg); break;
        case 'x': local = atol(optarg); break;
        case 'c': permille = atol(optarg); break;
        case 'h': hold = atof(optarg); break;
        case 'n': prctl(PR_SET_NAME, optarg); break;
        default:
            fprintf(stderr, "usage: counter --tcp N --udp N --unix N --close PERMILLE --hold SECONDS [--name COMM]\n");
            return 2;
        }
    }
    if (tcp < 0 || udp < 0 || local < 0 || permille < 0 || permille > 1000) return 2;
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    open_and_close(AF_INET, SOCK_STREAM, tcp, permille);
    open_and_close(AF_INET, SOCK_DGRAM, udp, permille);
    open_and_close(AF_UNIX, SOCK_STREAM, local, permille);
    printf("ready %d\n", (int)getpid());
    fflush(stdout);
    for (; hold > 0; hold -= 0.05) usleep(50000);
    return 0;
}
