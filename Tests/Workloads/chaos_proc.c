#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "chaos.h"

struct proc P;
struct shared *S;
atomic_uint next_id = 1;

void map_state(const char *dir, bool create) {
    char path[1200];
    snprintf(path, sizeof path, "%s/.state", dir);
    int fd = open(path, O_RDWR | O_CLOEXEC | (create ? O_CREAT | O_TRUNC : 0), 0644);
    if (fd < 0 || (create && ftruncate(fd, sizeof *S) != 0)) {
        perror(path);
        exit(2);
    }
    S = mmap(NULL, sizeof *S, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (S == MAP_FAILED) {
        perror("mmap");
        exit(2);
    }
    close(fd);
}

void proc_enter(struct proc *p) {
    p->start = truth_starttime();
    truth_comm(p->comm);
    S->slot[p->slot].start = p->start;
    S->slot[p->slot].pid = getpid();
    S->slot[p->slot].status = SLOT_RUNS;
}

void proc_ended(struct proc *p) {
    S->slot[p->slot].status = SLOT_ENDED;
    if (!p->post) atomic_fetch_add(&S->ended_early, 1);
}

static void hold(void) {
    self_check(&P.m, "hold");
    write_truth(&P, "hold", "");
    S->slot[P.slot].status = SLOT_HOLDS;
    atomic_fetch_add(&S->holding, 1);
    char go[1200];
    snprintf(go, sizeof go, "%s/go", P.cfg.dir);
    // The time runs from the moment all hold; the bound of our own is for a main that went away.
    long long limit = now_ns() + (long long)((P.cfg.hold + 300) * 1e9);
    while (access(go, F_OK) != 0 && now_ns() < limit) {
        long long deadline = S->deadline_ns;
        if ((deadline && now_ns() >= deadline) || kill(S->main_pid, 0) != 0) break;
        usleep(10000);
    }
    P.post = true;
    S->slot[P.slot].status = SLOT_RUNS;
}

static void end(const char *how) {
    share_leave(&P.m);
    write_truth(&P, "end", how);
    proc_ended(&P);
}

enum way { RETURN, EXIT_GROUP, EXIT_ONLY, BY_THREAD, LEADER_FIRST, LEADER_FIRST_ONLY, BY_KILL, BY_TERM, NWAYS };

static void *last_thread(void *arg) {
    enum way way = *(enum way *)arg;
    // The leader may be gone by now (and with it /proc/self/fd), so thread ops only.
    // No fork either: the leader may stand in the midst of glibc's loader, for pthread_exit.
    if (way != BY_THREAD) {
        P.m.threaded = true;
        P.forks_left = 0;
        for (int n = rnd(&P.m, 8); n > 0; n--) step(&P.m);
    }
    if (way == LEADER_FIRST_ONLY) {
        end("leader first, then exit of the last thread");
        syscall(SYS_exit, 0);
    }
    end(way == BY_THREAD ? "exit_group by a thread" : "leader first, then exit_group");
    _exit(0);
}

static void finish(void) {
    static enum way way;
    static const char *const plain[] = {"return", "exit_group", "exit"};
    way = (enum way)rnd(&P.m, P.cfg.all ? NWAYS : BY_KILL);
    // With CLONE_VFORK the leader's end alone lets the parent go on, while our last thread still works.
    if (P.share == SHARE_VFORKED && (way == LEADER_FIRST || way == LEADER_FIRST_ONLY)) way = EXIT_GROUP;
    bool shared = P.share != SHARE_NONE;
    pthread_t t;
    switch (way) {
    case RETURN:
    case EXIT_GROUP:
    case EXIT_ONLY:
        end(plain[way]);
        if (way == EXIT_GROUP) _exit(0);
        if (way == EXIT_ONLY) syscall(SYS_exit, 0);
        return;
    case BY_KILL:
        end("SIGKILL");
        kill(getpid(), SIGKILL);
        break;
    case BY_TERM:
        signal(SIGTERM, SIG_DFL);
        end("SIGTERM");
        kill(getpid(), SIGTERM);
        break;
    default:
        if (pthread_create(&t, NULL, last_thread, &way) != 0) {
            fail("pthread_create");
            _exit(1);
        }
        if (way == BY_THREAD) pthread_join(t, NULL);
        // pthread_exit may open libgcc_s for a moment; when the last thread ends the process in just that
        // moment, the file stays behind in a shared table.
        if (shared) syscall(SYS_exit, 0);
        pthread_exit(NULL);
    }
    for (;;) pause(); // the signal is on its way
}

void run_process(void) {
    for (;;) {
        // fork and clone children come back out of step() as well, by then with a P of their own.
        if (P.steps > 0) {
            P.steps--;
            step(&P.m);
        } else if (P.early || P.post) {
            finish();
            return;
        } else {
            hold();
            P.steps = 3 + rnd(&P.m, 8);
        }
    }
}

static bool can_fork(void) { return P.forks_left > 0 && P.depth < MAXDEPTH; }

bool fork_budget(void) {
    if (!can_fork()) return false;
    P.forks_left--;
    return true;
}

int op_fork(struct model *m) {
    static struct proc child;
    if (!fork_budget()) return 0;
    child_of(&child, &P, m);
    struct clone_args args = {.exit_signal = SIGCHLD};
    long pid;
    switch (P.cfg.all ? rnd(m, 3) : 0) {
    case 0: pid = fork(); break;
    case 1: pid = syscall(SYS_fork); break;
    default: pid = syscall(SYS_clone3, &args, sizeof args); break;
    }
    if (pid < 0) {
        fail("fork: %s", strerror(errno));
        atomic_fetch_add(&S->ended_early, 1);
    }
    if (pid == 0) {
        P = child;
        proc_enter(&P);
    }
    return 1;
}

int op_exec(struct model *m) {
    (void)m;
    if (P.execs >= 3) return 0;
    do_exec(&P);
    return 1;
}

// Nothing goes when exec fails, not even what has CLOEXEC.
int op_exec_fail(struct model *m) {
    char path[1200];
    char *argv[] = {path, NULL};
    switch (rnd(m, 3)) {
    case 0: snprintf(path, sizeof path, "%s/.noexec", P.cfg.dir); break; // x bit, no known format
    case 1: snprintf(path, sizeof path, "%s/.state", P.cfg.dir); break;  // no x bit
    default: snprintf(path, sizeof path, "%s/.nothing", P.cfg.dir); break;
    }
    if (execv(path, argv) == 0 || errno == EFAULT) fail("exec %s: %s", path, strerror(errno));
    return 1;
}

static void *exec_main(void *arg) {
    do_exec(arg);
    return NULL;
}

// exec by a thread that is not the leader: it takes over the leader's pid, the process stays the same.
int op_exec_thread(struct model *m) {
    (void)m;
    // A thread's exec ends the leader before it unshares the table, and with CLONE_VFORK the leader's
    // end already lets the parent go on: for a moment two would work on one table.
    if (P.execs >= 3 || P.share == SHARE_VFORKED) return 0;
    pthread_t t;
    if (pthread_create(&t, NULL, exec_main, &P) != 0) fail("pthread_create");
    else pthread_join(t, NULL);
    return 1;
}

void resume(const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, &P, sizeof P) != sizeof P || P.magic != 0xc4a05) {
        perror(path);
        exit(2);
    }
    close(fd);
    unlink(path);
    map_state(P.cfg.dir, false);
    next_id = P.next_id;
    atomic_fetch_add(&S->execs, 1);
    m_exec(&P.m);
    proc_enter(&P);
    self_check(&P.m, "after exec");
}
