// chaos: processes that do random socket and fd work and write down exactly what they did.
//
// `struct model` is what this program believes about its fd table. Ops run the call first and put
// its result into the model after; self_check() holds the model against /proc/self/fd.
#ifndef CHAOS_H
#define CHAOS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "truth.h"

enum {
    MAXFD = 1024,    // no op asks for a number near it, and MAXOPEN keeps the kernel from getting there
    MAXOPEN = 160,
    MAXPROCS = 4096, // 7 per worker at most: itself, 2 children, 2 of each
    MAXWORKERS = 500,
    MAXDEPTH = 2,
    MAXOPS = 64,
};

enum kind { K_NONE, K_FILE, K_PIPE, K_SOCK, K_ANY };

struct ent {
    uint32_t id; // tells an fd from a later one of the same number
    uint8_t kind;
    bool own; // socket() of this very process gave it, and it is not yet closed or released
    uint8_t fam;
    bool cloexec;
    bool pinned; // stdout and stderr: never closed, the program reports there
};

struct model {
    struct ent tab[MAXFD];
    int nopen;
    long socket[NFAM], closed[NFAM], released[NFAM];
    uint64_t rng;
    // Other threads run now: this model holds only the fds its own thread may touch, so an op must
    // neither take a number for free nor touch one that is not in here.
    bool threaded;
};

struct config {
    char dir[1024], exe[1024];
    uint64_t seed, ops; // ops: bit i allows op i
    bool all;
    int pace_us;
    bool calm; // threads take turns, so that records stand in the order of the calls
    double hold;
};

enum share { SHARE_NONE, SHARE_WAITED, SHARE_VFORKED };

// All a process is; handed over as it is when it execs itself.
struct proc {
    uint32_t magic;
    struct config cfg;
    struct model m;
    int worker, depth, slot, steps, forks_left, execs, handovers;
    bool early, post; // ends without hold; has the hold behind it
    uint32_t next_id;
    unsigned long long start;
    char comm[17];
    enum share share; // our table is also our parent's (clone CLONE_FILES)
};

enum slot_status { SLOT_FREE, SLOT_RUNS, SLOT_HOLDS, SLOT_ENDED };

// DIR/.state, mapped by every process (a file, as an anonymous mapping would not outlive exec).
struct shared {
    atomic_int main_pid, started, holding, ended_early, execs, errors;
    atomic_llong deadline_ns; // set by main once all hold; 0 before
    atomic_ulong op_done[MAXOPS];
    struct {
        atomic_int pid, status;
        atomic_ullong start;
    } slot[MAXPROCS];
};

extern struct proc P;
extern struct shared *S;
extern atomic_uint next_id;

// chaos_model.c
uint64_t rnd64(struct model *m);
int rnd(struct model *m, int n);                  // 0..n-1
bool chance(struct model *m, int percent);
void fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void m_open(struct model *m, int fd, enum kind kind, bool cloexec);
void m_socket(struct model *m, int fd, enum fam fam, bool cloexec);
void m_over(struct model *m, int fd, enum kind kind, bool cloexec); // dup2 onto fd, open or not
void m_close(struct model *m, int fd);
void m_release(struct model *m, int fd);
void m_disown(struct model *m); // after fork: nothing is own, all counters 0
void m_exec(struct model *m);
void m_scan(struct model *m); // take the table from /proc/self/fd, nothing own
enum pick { PICK_ANY, PICK_OWN, PICK_OTHER };
int pick_fd(struct model *m, enum pick what); // unpinned; -1 if there is none
int pick_free(struct model *m);               // not open; never for a threaded model
void self_check(const struct model *m, const char *when);
void write_truth(struct proc *p, const char *phase, const char *how);
long long now_ns(void);

// chaos_ops_basic.c, chaos_ops_all.c: 1 done, 0 not applicable now
struct op {
    const char *name;
    int (*fn)(struct model *);
    int weight;
    bool all, threads, optional; // of set all only; fit for threads; off unless asked for
};
extern const struct op ops[];
extern const int nops;
void step(struct model *m);
int sock_flags(struct model *m, bool *cloexec);
int open_own(struct model *m, int domain, int type, int protocol, enum fam fam);
int op_socket(struct model *m);
int op_socket_fail(struct model *m);
int op_close_own(struct model *m);
int op_close_other(struct model *m);
int op_close_bad(struct model *m);
int op_file(struct model *m);
int op_pipe(struct model *m);
int op_dup2_over(struct model *m);
int op_dup2_fresh(struct model *m);
int op_dup2_same(struct model *m);
int op_dup2_fail(struct model *m);
int op_close_range(struct model *m);
int op_cloexec(struct model *m);
int op_check(struct model *m);
void range_pick(struct model *m, unsigned *first, unsigned *last);

int op_dup(struct model *m);
int op_dupfd(struct model *m);
int op_accept(struct model *m);
int op_socketpair(struct model *m);
int op_range_cloexec(struct model *m);
int op_range_unshare(struct model *m);
int op_unshare(struct model *m);
int op_scm(struct model *m);
int op_pidfd(struct model *m);
int op_hibits(struct model *m);
int op_i386_socket(struct model *m);
int op_i386_close(struct model *m);
int op_i386_other(struct model *m);

// chaos_proc.c
void proc_enter(struct proc *p);
void run_process(void); // returns only where the process is to return from main
int op_fork(struct model *m);
int op_exec(struct model *m);
int op_exec_fail(struct model *m);
int op_exec_thread(struct model *m);
void resume(const char *path);
void proc_ended(struct proc *p);
bool fork_budget(void);
void map_state(const char *dir, bool create);

// chaos_threads.c
int op_threads(struct model *m);
int op_thread_fork(struct model *m);

// chaos_spawn.c
void child_of(struct proc *child, const struct proc *parent, struct model *m);
void handover_write(struct proc *p, char *path, int size);
void do_exec(struct proc *p);
int op_vfork(struct model *m);
int op_spawn(struct model *m);
int op_clone_files(struct model *m);
void share_leave(const struct model *m); // the table stops being the parent's too

#endif
