// Children by other ways than fork, and what is handed over at exec.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "chaos.h"

extern char **environ;

void child_of(struct proc *child, const struct proc *parent, struct model *m) {
    *child = *parent;
    child->m = *m;
    m_disown(&child->m);
    child->m.rng = rnd64(m);
    child->m.threaded = false;
    child->depth++;
    child->slot = atomic_fetch_add(&S->started, 1);
    child->steps = 3 + rnd(&child->m, parent->steps / 2 + 8);
    child->forks_left = 2;
    child->execs = child->handovers = 0;
    // Main has said how many hold by then, so nobody new may come to hold.
    child->early = parent->post || chance(&child->m, 25);
    child->post = false;
    child->share = SHARE_NONE;
}

void handover_write(struct proc *p, char *path, int size) {
    p->execs++;
    p->next_id = next_id;
    snprintf(path, (size_t)size, "%s/.handover-%d-%d", p->cfg.dir, (int)getpid(), p->handovers++);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, p, sizeof *p) != sizeof *p) fail("%s: %s", path, strerror(errno));
    close(fd);
}

void do_exec(struct proc *p) {
    // Only `&P` can share its table; a vfork child runs here too, on memory that is its parent's.
    if (p == &P) {
        // The parent goes on at our exec, so from here on we may live on to the hold point.
        if (p->share == SHARE_VFORKED) p->early = chance(&p->m, 25);
        share_leave(&p->m);
    }
    bool self = chance(&p->m, 50);
    char path[1200];
    handover_write(p, path, sizeof path);
    char *argv[] = {p->cfg.exe, "--resume", path, NULL};
    execve(self ? "/proc/self/exe" : p->cfg.exe, argv, environ);
    fail("exec %s: %s", p->cfg.exe, strerror(errno));
    _exit(1);
}

static struct proc Q; // the child in the making

static void vfork_child(void) {
    static int (*const some[])(struct model *) = {op_socket, op_close_own, op_close_other, op_cloexec};
    for (int n = rnd(&Q.m, 6); n > 0; n--) some[rnd(&Q.m, 4)](&Q.m);
    if (chance(&Q.m, 80)) do_exec(&Q);
    proc_enter(&Q);
    write_truth(&Q, "end", "vfork child, exit_group");
    proc_ended(&Q);
    _exit(0);
}

// A function of its own, so that nothing of the caller's frame lives across vfork.
static __attribute__((noinline)) pid_t vfork_run(void) {
    pid_t pid = vfork();
    if (pid == 0) vfork_child();
    return pid;
}

int op_vfork(struct model *m) {
    if (!fork_budget()) return 0;
    child_of(&Q, &P, m);
    if (vfork_run() < 0) {
        fail("vfork: %s", strerror(errno));
        atomic_fetch_add(&S->ended_early, 1);
    }
    return 1;
}

int op_spawn(struct model *m) {
    if (!fork_budget()) return 0;
    child_of(&Q, &P, m);
    posix_spawn_file_actions_t fa;
    posix_spawn_file_actions_init(&fa);
    for (int n = rnd(&Q.m, 4); n > 0; n--) {
        int fd = pick_fd(&Q.m, PICK_ANY), from = pick_fd(&Q.m, PICK_ANY);
        switch (rnd(&Q.m, 3)) {
        case 0:
            if (fd < 0) break;
            posix_spawn_file_actions_addclose(&fa, fd);
            m_close(&Q.m, fd);
            break;
        case 1:
            if (fd < 0 || from == fd) break;
            posix_spawn_file_actions_adddup2(&fa, from, fd);
            m_over(&Q.m, fd, Q.m.tab[from].kind, false);
            break;
        default:
            if (fd < 0) fd = pick_free(&Q.m);
            posix_spawn_file_actions_addopen(&fa, fd, "/dev/null", O_RDONLY, 0);
            m_over(&Q.m, fd, K_FILE, false);
            break;
        }
    }
    char path[1200];
    Q.handovers = 1000 + P.handovers++; // the file goes by our pid here, not by the child's
    handover_write(&Q, path, sizeof path);
    char *argv[] = {P.cfg.exe, "--resume", path, NULL};
    pid_t pid;
    int r = posix_spawn(&pid, chance(m, 50) ? "/proc/self/exe" : P.cfg.exe, &fa, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&fa);
    if (r != 0) {
        fail("posix_spawn: %s", strerror(r));
        atomic_fetch_add(&S->ended_early, 1);
        unlink(path);
    }
    return 1;
}

// A child process that shares the parent's table tells it at the end, in this mapping, what has become
// of it. The parent does not run meanwhile, so it can take over the child's model as it stands.
struct share_area {
    bool done;
    struct ent tab[MAXFD];
};
static struct share_area *area;

void share_leave(const struct model *m) {
    if (P.share == SHARE_NONE) return;
    memcpy(area->tab, m->tab, sizeof area->tab);
    area->done = true;
    P.share = SHARE_NONE;
}

static void share_take_over(struct model *m, const struct share_area *a) {
    m->nopen = 0;
    for (int fd = 0; fd < MAXFD; fd++) {
        struct ent was = m->tab[fd], now = a->tab[fd];
        bool same = was.kind != K_NONE && now.kind != K_NONE && was.id == now.id;
        // Our socket went without a close of ours; what is the child's own is none of ours.
        if (was.own && !same) m->released[was.fam]++;
        now.own = was.own && same;
        now.fam = was.fam;
        m->tab[fd] = now;
        if (now.kind != K_NONE) m->nopen++;
    }
}

int op_clone_files(struct model *m) {
    if (!fork_budget()) return 0;
    struct share_area *a = mmap(NULL, sizeof *a, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (a == MAP_FAILED) abort();
    child_of(&Q, &P, m);
    // With CLONE_VFORK the kernel keeps us waiting until the child's exec or end, else we do. A child
    // on hold would keep us from ours, so it ends early unless it execs out of it.
    bool vforked = chance(m, 50);
    Q.share = vforked ? SHARE_VFORKED : SHARE_WAITED;
    Q.early = true;
    pid_t pid = (pid_t)syscall(SYS_clone, CLONE_FILES | (vforked ? CLONE_VFORK : 0) | SIGCHLD, 0, 0, 0, 0);
    if (pid == 0) {
        area = a;
        P = Q;
        proc_enter(&P);
        return 1;
    }
    if (pid < 0) {
        fail("clone: %s", strerror(errno));
        atomic_fetch_add(&S->ended_early, 1);
        return 1;
    }
    int status;
    while (!vforked && waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
    if (a->done) share_take_over(m, a);
    else fail("child %d ended without a word about the shared table", pid);
    munmap(a, sizeof *a);
    self_check(m, "after clone with CLONE_FILES");
    return 1;
}
