// chaos --seed N --dir DIR --procs P --steps S ...: see usage below and README.md.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "chaos.h"

static void usage(void) {
    fprintf(stderr,
            "usage: chaos --seed N --dir DIR --procs P --steps S [--set basic|all] [--hold SECONDS]\n"
            "             [--clone-files] [--skip OP,...] [--only OP,...] [--pace MICROSECONDS] [--calm] [--stats]\n"
            "       ops:");
    for (int i = 0; i < nops; i++) fprintf(stderr, " %s%s", ops[i].name, ops[i].optional ? "+" : ops[i].all ? "*" : "");
    fprintf(stderr, "   (*: in set all only; +: by --clone-files only)\n");
    exit(2);
}

static uint64_t op_mask(char *list) {
    uint64_t mask = 0;
    for (char *name = strtok(list, ","); name; name = strtok(NULL, ",")) {
        int i = 0;
        while (i < nops && strcmp(ops[i].name, name)) i++;
        if (i == nops) usage();
        mask |= 1ull << i;
    }
    return mask;
}

// State and start time of a pid; a dead leader counts as alive while threads of its process run.
static bool gone(int pid, unsigned long long start) {
    char path[64], buf[1024], *p;
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *f = fopen(path, "re");
    if (!f) return true;
    size_t n = fread(buf, 1, sizeof buf - 1, f);
    fclose(f);
    buf[n] = 0;
    if (!(p = strrchr(buf, ')'))) return true;
    char state = p[2];
    int threads = 1;
    for (int field = 2; p && field < 22; field++) {
        if (field == 20) threads = atoi(p + 1);
        p = strchr(p + 1, ' ');
    }
    if (!p || strtoull(p + 1, NULL, 10) != start) return true;
    return (state == 'Z' || state == 'X') && threads <= 1;
}

static void reap(int *living) {
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) != 0;) {
        if (pid < 0) {
            if (errno == ECHILD) *living = 0;
            return;
        }
        bool ended = false;
        for (int i = 0; i < S->started && i < MAXPROCS; i++)
            if (S->slot[i].pid == pid && S->slot[i].status == SLOT_ENDED) ended = true;
        bool clean = WIFEXITED(status) ? WEXITSTATUS(status) == 0
                                       : WTERMSIG(status) == SIGKILL || WTERMSIG(status) == SIGTERM;
        if (!ended || !clean) fail("process %d ended with status %#x%s", pid, status, ended ? "" : " and no truth");
    }
}

static void give_up(const char *why) {
    fail("%s", why);
    for (int i = 0; i < S->started && i < MAXPROCS; i++) {
        int pid = S->slot[i].pid;
        if (pid && !gone(pid, S->slot[i].start)) {
            fprintf(stderr, "  slot %d pid %d status %d\n", i, pid, S->slot[i].status);
            kill(pid, SIGKILL);
        }
    }
    while (wait(NULL) > 0 || errno == EINTR) continue;
    exit(1);
}

// All that were started either hold or are really gone, not just about to go.
static bool all_hold(void) {
    if (S->started != S->holding + S->ended_early) return false;
    for (int i = 0; i < S->started; i++)
        if (S->slot[i].status == SLOT_ENDED && !gone(S->slot[i].pid, S->slot[i].start)) return false;
    return true;
}

static int oversee(double hold) {
    long long limit = now_ns() + 300000000000LL;
    bool said = false;
    for (int living = 1; living;) {
        if (!said && all_hold()) {
            printf("holding %d\n", S->holding);
            fflush(stdout);
            said = true;
            S->deadline_ns = now_ns() + (long long)(hold * 1e9);
            limit = S->deadline_ns + 120000000000LL;
        }
        reap(&living);
        if (now_ns() > limit) give_up(said ? "processes do not end" : "processes do not come to hold");
        usleep(5000);
    }
    if (!said) printf("holding 0\n"); // `go` was there before anybody held
    for (int i = 0; i < S->started; i++)
        if (S->slot[i].status != SLOT_ENDED) fail("slot %d (pid %d) never ended", i, S->slot[i].pid);
    return S->errors ? 1 : 0;
}

static uint64_t parse(int argc, char **argv, int *procs, int *steps) {
    static const struct option options[] = {
        {"seed", 1, 0, 's'}, {"dir", 1, 0, 'd'},  {"procs", 1, 0, 'p'}, {"steps", 1, 0, 'n'}, {"set", 1, 0, 'a'},
        {"hold", 1, 0, 'h'}, {"skip", 1, 0, 'x'}, {"only", 1, 0, 'o'},  {"pace", 1, 0, 'w'},  {"stats", 0, 0, 'v'}, {"calm", 0, 0, 'q'},
        {"clone-files", 0, 0, 'c'}, {0},
    };
    uint64_t skip = 0, only = ~0ull, extra = 0, stats = 0;
    const char *dir = NULL;
    P.cfg.hold = 10;
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (o) {
        case 's': P.cfg.seed = strtoull(optarg, NULL, 0); break;
        case 'd': dir = optarg; break;
        case 'p': *procs = atoi(optarg); break;
        case 'n': *steps = atoi(optarg); break;
        case 'a':
            if (strcmp(optarg, "all") && strcmp(optarg, "basic")) usage();
            P.cfg.all = !strcmp(optarg, "all");
            break;
        case 'h': P.cfg.hold = atof(optarg); break;
        case 'x': skip |= op_mask(optarg); break;
        case 'o': only = op_mask(optarg); break;
        case 'q': P.cfg.calm = true; break;
        case 'w': P.cfg.pace_us = atoi(optarg); break;
        case 'v': stats = 1; break;
        case 'c':
            for (int i = 0; i < nops; i++)
                if (ops[i].optional) extra |= 1ull << i;
            break;
        default: usage();
        }
    }
    if (!dir || optind != argc || *procs < 1 || *procs > MAXWORKERS || *steps < 0 || P.cfg.hold < 0) usage();
    for (int i = 0; i < nops; i++)
        if (!ops[i].optional && (P.cfg.all || !ops[i].all)) P.cfg.ops |= 1ull << i;
    P.cfg.ops = ((P.cfg.ops | extra) & only) & ~skip;
    mkdir(dir, 0755);
    char *real = realpath(dir, NULL);
    if (!real || strlen(real) >= sizeof P.cfg.dir) {
        perror(dir);
        exit(2);
    }
    strcpy(P.cfg.dir, real);
    free(real);
    ssize_t n = readlink("/proc/self/exe", P.cfg.exe, sizeof P.cfg.exe - 1);
    P.cfg.exe[n < 0 ? 0 : n] = 0;
    return stats;
}

static void clean_dir(bool make) {
    char path[1200];
    snprintf(path, sizeof path, "%s/.noexec", P.cfg.dir);
    if (!make) {
        unlink(path);
        snprintf(path, sizeof path, "%s/.state", P.cfg.dir);
        unlink(path);
        return;
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
    if (fd < 0 || write(fd, "no program\n", 11) != 11) perror(path);
    close(fd);
}

int main(int argc, char **argv) {
    if (argc == 3 && !strcmp(argv[1], "--resume")) {
        resume(argv[2]);
        run_process();
        return 0;
    }
    int procs = 0, steps = -1;
    uint64_t stats = parse(argc, argv, &procs, &steps);
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < MAXFD) {
        limit.rlim_cur = MAXFD;
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
            fprintf(stderr, "chaos: needs %d fds: RLIMIT_NOFILE: %s\n", MAXFD, strerror(errno));
            return 2;
        }
    }
    signal(SIGCHLD, SIG_DFL);
    prctl(PR_SET_CHILD_SUBREAPER, 1);     // children of workers come to us when those have ended
    syscall(SYS_close_range, 3, ~0u, 0);  // the models start from what is known
    map_state(P.cfg.dir, true);
    clean_dir(true);
    S->main_pid = getpid();
    P.magic = 0xc4a05;

    for (int i = 0; i < procs; i++) {
        struct model *m = &P.m;
        m->rng = P.cfg.seed * 0x9e3779b97f4a7c15u ^ ((uint64_t)i + 1) * 0xd1342543de82ef95u;
        m->rng = rnd64(m);
        P.worker = i;
        P.slot = atomic_fetch_add(&S->started, 1);
        P.steps = steps;
        P.forks_left = 2;
        pid_t pid = fork();
        if (pid < 0) give_up("fork");
        if (pid == 0) {
            m_scan(m);
            P.early = chance(m, 25);
            proc_enter(&P);
            run_process();
            return 0;
        }
    }
    int status = oversee(P.cfg.hold);
    if (stats) {
        for (int i = 0; i < nops; i++) fprintf(stderr, "%s=%lu ", ops[i].name, S->op_done[i]);
        fprintf(stderr, "processes=%d execs=%d errors=%d\n", S->started, S->execs, S->errors);
    }
    clean_dir(false);
    return status;
}
