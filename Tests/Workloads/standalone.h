// What int80 and racer have in common: say what is held, then wait for the reader to close stdin.
#ifndef STANDALONE_H
#define STANDALONE_H

#include <dirent.h>
#include <poll.h>
#include <unistd.h>

#include "truth.h"

// Never longer than ten minutes, whatever became of the one who should close stdin.
static inline void wait_stdin_eof(void) {
    char buf[256];
    struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
    for (int naps = 0; naps < 600; naps++) {
        int r = poll(&p, 1, 1000);
        if (r > 0 && read(STDIN_FILENO, buf, sizeof buf) <= 0) return;
    }
}

static inline int fds_open(void) {
    DIR *d = opendir("/proc/self/fd");
    if (!d) return -1;
    int n = 0;
    for (struct dirent *e; (e = readdir(d));)
        if (e->d_name[0] != '.') n++;
    closedir(d);
    return n - 1; // without the one of this walk
}

static inline void say_hold(const struct tally *t, const int *fds, int nfds) {
    char comm[17];
    truth_comm(comm);
    truth_line(STDOUT_FILENO, "hold", truth_starttime(), comm, t, fds, nfds, fds_open() - nfds, "");
}

#endif
