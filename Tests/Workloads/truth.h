// What a process did with its sockets, and the one JSON form every workload writes it in.
#ifndef TRUTH_H
#define TRUTH_H

enum fam { F_TCP, F_UDP, F_OTHER, NFAM };

struct tally {
    long socket[NFAM], closed[NFAM], released[NFAM], open[NFAM];
};

// Field 22 of /proc/self/stat; with the pid it names a process for good, as pids come round again.
unsigned long long truth_starttime(void);
void truth_comm(char out[17]);

// One line in one write(), so that a reader never sees half of it. `extra` is put before the
// closing brace as it is (", \"key\":..." or "").
void truth_line(int fd, const char *phase, unsigned long long start, const char *comm,
                const struct tally *t, const int *fds, int nfds, int others, const char *extra);

#endif
