// Threads that share the fd table of one process.
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chaos.h"

struct worker_thread {
    struct model m;
    pthread_t t;
    pthread_barrier_t *barrier;
    int steps;
};

static void *thread_main(void *arg) {
    struct worker_thread *w = arg;
    pthread_barrier_wait(w->barrier);
    while (w->steps-- > 0) step(&w->m);
    return NULL;
}

static void merge(struct model *m, const struct model *from) {
    for (int fd = 0; fd < MAXFD; fd++) {
        if (from->tab[fd].kind == K_NONE) continue;
        if (m->tab[fd].kind != K_NONE) fail("two threads have fd %d", fd);
        m->tab[fd] = from->tab[fd];
        m->nopen++;
    }
    for (int f = 0; f < NFAM; f++) {
        m->socket[f] += from->socket[f];
        m->closed[f] += from->closed[f];
        m->released[f] += from->released[f];
    }
}

// Every open fd belongs to one thread for the time, which alone may close it or put another over it;
// numbers set free by one thread may come to any. So each thread's account is exact without a lock,
// and the sum does not hang on the order in which things happened. What was open before is dealt out,
// so sockets are closed by other threads than opened them.
int op_threads(struct model *m) {
    int n = 1 + rnd(m, 3);
    pthread_barrier_t barrier;
    struct worker_thread *w = calloc((size_t)n, sizeof *w);
    if (!w) abort();
    for (int fd = 0; fd < MAXFD; fd++) {
        if (m->tab[fd].kind == K_NONE || m->tab[fd].pinned || chance(m, 40)) continue;
        struct model *to = &w[rnd(m, n)].m;
        to->tab[fd] = m->tab[fd];
        to->nopen++;
        m->tab[fd] = (struct ent){0};
        m->nopen--;
    }
    pthread_barrier_init(&barrier, NULL, (unsigned)n + 1);
    for (int i = 0; i < n; i++) {
        w[i].m.rng = rnd64(m);
        w[i].m.threaded = true;
        w[i].barrier = &barrier;
        w[i].steps = 5 + rnd(m, 25);
        if (pthread_create(&w[i].t, NULL, thread_main, &w[i]) != 0) abort();
    }
    m->threaded = true;
    pthread_barrier_wait(&barrier);
    for (int left = rnd(m, 20); left > 0; left--) step(m);
    m->threaded = false;
    for (int i = 0; i < n; i++) {
        pthread_join(w[i].t, NULL);
        merge(m, &w[i].m);
    }
    pthread_barrier_destroy(&barrier);
    free(w);
    self_check(m, "after threads");
    return 1;
}

// fork while other threads are at work: the child gets a table it cannot know from any model.
int op_thread_fork(struct model *m) {
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; // for the budget and `child`
    static struct proc child;
    if (!m->threaded) return 0;
    pthread_mutex_lock(&lock);
    if (!fork_budget()) {
        pthread_mutex_unlock(&lock);
        return 0;
    }
    child_of(&child, &P, m);
    pid_t pid = fork();
    if (pid == 0) {
        P = child;
        m_scan(&P.m);
        pthread_mutex_unlock(&lock);
        proc_enter(&P);
        run_process();
        exit(0);
    }
    pthread_mutex_unlock(&lock);
    if (pid < 0) {
        fail("fork: %s", strerror(errno));
        atomic_fetch_add(&S->ended_early, 1);
    }
    return 1;
}
