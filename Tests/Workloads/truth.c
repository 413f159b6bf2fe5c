#define _GNU_SOURCE
#include "truth.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int slurp(const char *path, char *buf, size_t size) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return -1;
    ssize_t n = read(fd, buf, size - 1);
    close(fd);
    if (n < 0) return -1;
    buf[n] = 0;
    return (int)n;
}

unsigned long long truth_starttime(void) {
    char buf[1024];
    if (slurp("/proc/self/stat", buf, sizeof buf) < 0) return 0;
    // comm may hold blanks and brackets, so fields are counted from the last ')': state is field 3.
    char *p = strrchr(buf, ')');
    for (int field = 2; p && field < 22; field++) p = strchr(p + 1, ' ');
    return p ? strtoull(p + 1, NULL, 10) : 0;
}

void truth_comm(char out[17]) {
    char buf[64];
    int n = slurp("/proc/self/comm", buf, sizeof buf);
    if (n > 0 && buf[n - 1] == '\n') buf[--n] = 0;
    if (n < 0) buf[0] = 0;
    // Bytes JSON would have to escape never occur in our own names; keep the line valid anyway.
    for (char *p = buf; *p; p++)
        if (*p == '"' || *p == '\\' || (unsigned char)*p < 0x20) *p = '?';
    memcpy(out, buf, 16);
    out[16] = 0;
}

static int counts(char *at, const char *name, const long v[NFAM]) {
    return sprintf(at, ",\"%s\":{\"tcp\":%ld,\"udp\":%ld,\"other\":%ld}", name, v[F_TCP], v[F_UDP],
                   v[F_OTHER]);
}

void truth_line(int fd, const char *phase, unsigned long long start, const char *comm,
                const struct tally *t, const int *fds, int nfds, int others, const char *extra) {
    size_t size = 2048 + strlen(extra) + 12 * (size_t)nfds;
    char *buf = malloc(size), *p = buf;
    if (!buf) abort();
    p += sprintf(p, "{\"phase\":\"%s\",\"pid\":%d,\"start\":%llu,\"comm\":\"%s\"", phase, (int)getpid(),
                 start, comm);
    p += counts(p, "socket", t->socket);
    p += counts(p, "close", t->closed);
    p += counts(p, "released", t->released);
    p += counts(p, "open", t->open);
    p += sprintf(p, ",\"open_fds\":[");
    for (int i = 0; i < nfds; i++) p += sprintf(p, "%s%d", i ? "," : "", fds[i]);
    p += sprintf(p, "],\"others_open\":%d%s}\n", others, extra);
    if (write(fd, buf, (size_t)(p - buf)) != p - buf) {
        perror("truth: write");
        abort();
    }
    free(buf);
}
