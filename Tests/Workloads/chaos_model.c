#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "chaos.h"

// splitmix64: any 64-bit state is a good one, so streams can be derived by drawing from another.
uint64_t rnd64(struct model *m) {
    uint64_t z = (m->rng += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

int rnd(struct model *m, int n) { return (int)(rnd64(m) % (uint64_t)n); }

bool chance(struct model *m, int percent) { return rnd(m, 100) < percent; }

long long now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

// The model and the kernel disagree: the truth cannot be trusted, so main has to exit 1.
void fail(const char *fmt, ...) {
    char buf[512];
    int n = snprintf(buf, sizeof buf, "chaos[%d] seed %llu worker %d depth %d: ", (int)getpid(),
                     (unsigned long long)P.cfg.seed, P.worker, P.depth);
    va_list ap;
    va_start(ap, fmt);
    n += vsnprintf(buf + n, sizeof buf - (size_t)n - 1, fmt, ap);
    va_end(ap);
    if (n > (int)sizeof buf - 2) n = (int)sizeof buf - 2;
    buf[n++] = '\n';
    if (write(STDERR_FILENO, buf, (size_t)n) < 0) n = 0;
    atomic_fetch_add(&S->errors, 1);
}

void m_open(struct model *m, int fd, enum kind kind, bool cloexec) {
    if (fd < 0 || fd >= MAXFD) {
        fail("fd %d where an fd below %d was expected (errno %d)", fd, MAXFD, errno);
        return;
    }
    struct ent *e = &m->tab[fd];
    if (e->kind != K_NONE) {
        fail("kernel gave fd %d, which the model has open", fd);
        return;
    }
    *e = (struct ent){.id = atomic_fetch_add(&next_id, 1), .kind = (uint8_t)kind, .cloexec = cloexec};
    m->nopen++;
}

void m_socket(struct model *m, int fd, enum fam fam, bool cloexec) {
    m->socket[fam]++;
    m_open(m, fd, K_SOCK, cloexec);
    if (fd < 0 || fd >= MAXFD) return;
    m->tab[fd].own = true;
    m->tab[fd].fam = (uint8_t)fam;
}

static void drop(struct model *m, int fd, long count[NFAM]) {
    struct ent *e = &m->tab[fd];
    if (e->kind == K_NONE) {
        fail("model lost fd %d twice", fd);
        return;
    }
    if (e->own) count[e->fam]++;
    *e = (struct ent){0};
    m->nopen--;
}

void m_close(struct model *m, int fd) { drop(m, fd, m->closed); }

void m_release(struct model *m, int fd) { drop(m, fd, m->released); }

void m_over(struct model *m, int fd, enum kind kind, bool cloexec) {
    if (m->tab[fd].kind != K_NONE) m_release(m, fd);
    m_open(m, fd, kind, cloexec);
}

void m_disown(struct model *m) {
    for (int fd = 0; fd < MAXFD; fd++) m->tab[fd].own = false;
    memset(m->socket, 0, sizeof m->socket);
    memset(m->closed, 0, sizeof m->closed);
    memset(m->released, 0, sizeof m->released);
}

void m_exec(struct model *m) {
    for (int fd = 0; fd < MAXFD; fd++)
        if (m->tab[fd].kind != K_NONE && m->tab[fd].cloexec) m_release(m, fd);
}

int pick_fd(struct model *m, enum pick what) {
    int found = -1, n = 0;
    for (int fd = 0; fd < MAXFD; fd++) {
        const struct ent *e = &m->tab[fd];
        if (e->kind == K_NONE || e->pinned) continue;
        if (what != PICK_ANY && e->own != (what == PICK_OWN)) continue;
        if (rnd(m, ++n) == 0) found = fd;
    }
    return found;
}

int pick_free(struct model *m) {
    for (;;) {
        int fd = rnd(m, chance(m, 60) ? 40 : 700);
        if (m->tab[fd].kind == K_NONE && fd != STDOUT_FILENO && fd != STDERR_FILENO) return fd;
    }
}

static enum kind real_kind(int fd) {
    char path[64], link[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(path, link, sizeof link - 1);
    if (n < 0) return K_NONE;
    link[n] = 0;
    if (!strncmp(link, "socket:[", 8)) return K_SOCK;
    if (!strncmp(link, "pipe:[", 6)) return K_PIPE;
    return K_FILE;
}

// Calls back with every open fd but the one the walk itself uses.
static void walk_fds(void (*seen)(int fd, void *arg), void *arg) {
    DIR *d = opendir("/proc/self/fd");
    if (!d) {
        fail("opendir /proc/self/fd: %s", strerror(errno));
        return;
    }
    for (struct dirent *e; (e = readdir(d));)
        if (isdigit((unsigned char)e->d_name[0]) && atoi(e->d_name) != dirfd(d)) seen(atoi(e->d_name), arg);
    closedir(d);
}

static void scan_one(int fd, void *arg) {
    struct model *m = arg;
    m_open(m, fd, real_kind(fd), (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    if (fd >= 0 && fd < MAXFD) m->tab[fd].pinned = fd == STDOUT_FILENO || fd == STDERR_FILENO;
}

void m_scan(struct model *m) {
    memset(m->tab, 0, sizeof m->tab);
    m->nopen = 0;
    walk_fds(scan_one, m);
}

struct seen {
    bool fd[MAXFD];
    const char *when;
    const struct model *m;
};

static void check_one(int fd, void *arg) {
    struct seen *s = arg;
    if (fd >= MAXFD || s->m->tab[fd].kind == K_NONE) {
        fail("%s: fd %d is open, the model does not know it", s->when, fd);
        return;
    }
    s->fd[fd] = true;
    const struct ent *e = &s->m->tab[fd];
    enum kind kind = real_kind(fd);
    if (e->kind != K_ANY && e->kind != kind) fail("%s: fd %d is of kind %d, not %d", s->when, fd, kind, e->kind);
    bool cloexec = (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0;
    if (e->cloexec != cloexec) fail("%s: fd %d has CLOEXEC %d, not %d", s->when, fd, cloexec, e->cloexec);
}

void self_check(const struct model *m, const char *when) {
    struct seen s = {.when = when, .m = m};
    walk_fds(check_one, &s);
    int n = 0;
    long own[NFAM] = {0};
    for (int fd = 0; fd < MAXFD; fd++) {
        if (m->tab[fd].kind == K_NONE) continue;
        n++;
        if (m->tab[fd].own) own[m->tab[fd].fam]++;
        if (!s.fd[fd]) fail("%s: fd %d is gone, the model has it open", when, fd);
    }
    if (n != m->nopen) fail("%s: model counts %d open, holds %d", when, m->nopen, n);
    for (int f = 0; f < NFAM; f++)
        if (m->socket[f] != m->closed[f] + m->released[f] + own[f])
            fail("%s: family %d: %ld sockets, %ld closed, %ld released, %ld open", when, f, m->socket[f],
                 m->closed[f], m->released[f], own[f]);
}

// Phase `end` books what is open as released: the caller ends the process next, whatever way.
void write_truth(struct proc *p, const char *phase, const char *how) {
    const struct model *m = &p->m;
    bool end = !strcmp(phase, "end");
    struct tally t = {0};
    int fds[MAXFD], nfds = 0, others = 0;
    for (int fd = 0; fd < MAXFD; fd++) {
        const struct ent *e = &m->tab[fd];
        if (e->kind == K_NONE) continue;
        if (!e->own) others++;
        else if (end) t.released[e->fam]++;
        else {
            t.open[e->fam]++;
            fds[nfds++] = fd;
        }
    }
    for (int f = 0; f < NFAM; f++) {
        t.socket[f] = m->socket[f];
        t.closed[f] = m->closed[f];
        t.released[f] += m->released[f];
        if (t.socket[f] != t.closed[f] + t.released[f] + t.open[f]) fail("%s: family %d does not add up", phase, f);
    }
    char path[1200], extra[128];
    snprintf(extra, sizeof extra, ",\"worker\":%d,\"depth\":%d,\"execs\":%d,\"how\":\"%s\"", p->worker, p->depth,
             p->execs, how);
    snprintf(path, sizeof path, "%s/%d-%llu.jsonl", p->cfg.dir, (int)getpid(), p->start);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd < 0) {
        fail("open %s: %s", path, strerror(errno));
        return;
    }
    // The truth file is no part of what the process holds, so it is neither in the model nor counted.
    truth_line(fd, phase, p->start, p->comm, &t, fds, nfds, end ? 0 : others, extra);
    close(fd);
}
